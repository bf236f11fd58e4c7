// The matrix and the page of an app: found by filter and by keyboard, looked into, chosen, kept, live; on a phone; without JavaScript.

import { AxeBuilder } from '@axe-core/playwright';
import { besideURL, signInAs, test as beside } from '../support/beside.ts';
import { becomes, refresh, release } from '../support/lab.ts';
import { expect, mark, open, signIn, test } from '../support/pages.ts';
import type { Page } from '@playwright/test';

const cell = (page: Page, app: string, environment: string) => page.locator(`a.cell[href="/apps/${app}#${environment}"]`);
const row = (page: Page, app: string) => page.getByRole('row').filter({ has: page.getByRole('checkbox', { name: `Select ${app}`, exact: true }) });
const peek = (page: Page) => page.getByRole('dialog');

test('each app stands in its environments with version, state and lag', async ({ page }) => {
  await open(page, '/matrix');
  await expect(page.getByText(/^12 apps in 3 environments/)).toBeVisible();
  await expect(page.getByRole('columnheader', { name: /^prod/ })).toContainText('1 cluster');
  await expect(page.getByRole('rowheader', { name: /^payments, 3 apps/ })).toBeVisible();
  await expect(cell(page, 'catalog', 'dev')).toContainText('3.8.1');
  await expect(cell(page, 'catalog', 'dev')).toContainText('Healthy');
  await expect(cell(page, 'catalog', 'staging')).toContainText('1 behind');
  await expect(cell(page, 'billing', 'dev')).toContainText('Degraded');
});

test('the heads and the first column stay in sight', async ({ page }) => {
  await page.setViewportSize({ width: 1440, height: 400 });
  await open(page, '/matrix');
  const head = page.getByRole('columnheader', { name: /^prod/ });
  await page.mouse.wheel(0, 2000);
  await expect(head).toBeInViewport();
  await page.setViewportSize({ width: 900, height: 500 });
  await row(page, 'catalog').scrollIntoViewIfNeeded();
  await page.getByRole('region', { name: /^Apps by environment/ }).evaluate((it) => it.scrollTo({ left: 2000 }));
  await expect(row(page, 'catalog').getByRole('link', { name: 'catalog', exact: true })).toBeInViewport();
});

test.describe('by keyboard', () => {
  test('the table is one stop; arrows and letters move, Enter opens', async ({ page }) => {
    await open(page, '/matrix?group=none');
    await expect(page.locator('table.matrix [tabindex="0"]')).toHaveCount(1);
    await page.locator('table.matrix [tabindex="0"]').focus();
    const first = await page.evaluate(() => document.activeElement?.id ?? '');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('k');
    await page.keyboard.press('h');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe(first);
    await cell(page, 'catalog', 'dev').focus();
    await page.keyboard.press('l');
    await expect(cell(page, 'catalog', 'staging')).toBeFocused();
    await page.keyboard.press('End');
    await expect(cell(page, 'catalog', 'prod')).toBeFocused();
    await page.keyboard.press('Home');
    await expect(page.getByRole('checkbox', { name: 'Select catalog' })).toBeFocused();
    await page.keyboard.press('ArrowRight');
    await expect(row(page, 'catalog').getByRole('link', { name: 'catalog', exact: true })).toBeFocused();
    await expect(page.locator('table.matrix [tabindex="0"]')).toHaveCount(1);
    await cell(page, 'catalog', 'staging').focus();
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL('/apps/catalog#staging');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('catalog');
  });

  test('x selects, the bar counts, Escape clears; letters are letters in a field', async ({ page }) => {
    await open(page, '/matrix');
    await expect(page.getByRole('button', { name: /^Promote/ })).toBeHidden();
    await cell(page, 'catalog', 'dev').focus();
    await page.keyboard.press('x');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await expect(page.getByText('2 apps selected')).toBeVisible();
    await expect(page.getByRole('button', { name: 'Promote 2 apps to prod…' })).toBeVisible();
    await page.keyboard.press('/');
    await expect(page.getByRole('searchbox')).toBeFocused();
    await page.keyboard.type('xj');
    await expect(page.getByText('2 apps selected, 2 not shown')).toBeVisible();
    await page.getByRole('searchbox').fill('');
    await expect(cell(page, 'catalog', 'dev')).toBeVisible();
    await cell(page, 'catalog', 'dev').focus();
    await page.keyboard.press('Escape');
    await expect(page.getByText(/selected/)).toBeHidden();
  });

  test('Space looks into a cell, Escape comes back; p promotes, r rolls back', async ({ page }) => {
    await open(page, '/matrix');
    await cell(page, 'catalog', 'dev').focus();
    await page.keyboard.press(' ');
    const dialog = peek(page);
    await expect(dialog).toHaveAccessibleName('catalog in dev');
    await expect(dialog).toContainText('3.8.1');
    await expect(dialog.getByRole('link', { name: /^Promote to staging…/ })).toBeFocused();
    await expect(dialog.getByRole('link', { name: 'Compare with staging' })).toBeVisible();
    await findNothingSerious(page);
    await page.keyboard.press('ArrowDown');
    await expect(dialog.getByRole('link', { name: /^Roll back…/ })).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
    await expect(cell(page, 'catalog', 'dev')).toBeFocused();
    await page.keyboard.press('p');
    await expect(page).toHaveURL('/plans?apps=catalog&from=dev&to=staging');
    await page.goBack();
    await cell(page, 'catalog', 'prod').focus();
    await page.keyboard.press('r');
    await expect(page).toHaveURL('/apps/catalog/prod/rollback');
  });
});

test('the button of a cell opens the same, and another press beside it closes it', async ({ page }) => {
  await open(page, '/matrix');
  await cell(page, 'gateway', 'staging').hover();
  await page.getByRole('button', { name: 'More of gateway in staging' }).click();
  await expect(peek(page)).toHaveAccessibleName('gateway in staging');
  await expect(peek(page).getByRole('link', { name: 'gateway-staging' })).toBeVisible();
  await page.getByRole('heading', { level: 1 }).click();
  await expect(peek(page)).toBeHidden();
  await cell(page, 'gateway', 'staging').focus();
  await page.keyboard.press('f');
  await expect(page.getByRole('status').getByText(/gateway-staging/)).toBeVisible();
});

test('filters live in the URL, follow the typing, and say what they hide', async ({ page }) => {
  await open(page, '/matrix');
  await page.getByRole('searchbox').fill('catalog');
  await expect(page).toHaveURL('/matrix?q=catalog');
  await expect(cell(page, 'catalog', 'dev')).toBeVisible();
  await expect(cell(page, 'billing', 'dev')).toHaveCount(0);
  await page.getByRole('searchbox').fill('nothing-is-called-so');
  await expect(page.getByText('12 apps are hidden by text “nothing-is-called-so”.')).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Clear the filters' }).last().click();
  await page.getByText('Project:').click();
  await page.getByRole('checkbox', { name: /payments/ }).check();
  await expect(page).toHaveURL('/matrix?project=payments');
  await expect(page.getByText(/^3 of 12 apps/)).toBeVisible();
  await page.getByText('Environment:').first().click();
  await page.getByRole('checkbox', { name: /^prod/ }).check();
  await expect(page).toHaveURL('/matrix?project=payments&environment=prod');
  await expect(page.getByRole('columnheader', { name: /^dev/ })).toHaveCount(0);
  await page.getByRole('link', { name: 'Compact' }).click();
  await expect(page).toHaveURL(/density=compact/);
  await expect(page.locator('.is-compact')).toBeVisible();
});

test('a view is kept, led to and forgotten', async ({ page }) => {
  const name = `Payments ${Date.now()}`;
  await open(page, '/matrix?project=payments');
  await page.getByLabel('Save or delete a view').click();
  await page.getByLabel('Save this view as').fill(name);
  await page.getByRole('button', { name: 'Save the view' }).click();
  const views = page.getByRole('navigation', { name: 'Saved views' });
  await expect(views.getByRole('link', { name })).toHaveAttribute('aria-current', 'true');
  await open(page, '/matrix');
  await expect(views.getByRole('link', { name: 'All apps' })).toHaveAttribute('aria-current', 'true');
  await views.getByRole('link', { name }).click();
  await expect(page).toHaveURL('/matrix?project=payments');
  await page.getByLabel('Save or delete a view').click();
  await page.getByRole('button', { name: `Delete the view ${name}` }).click();
  await expect(views.getByRole('link', { name })).toHaveCount(0);
});

test('a cell follows the fleet without a reload, and keeps the focus', async ({ page }) => {
  test.setTimeout(180_000);
  await open(page, '/matrix');
  const marked = await mark(page);
  await cell(page, 'media', 'dev').focus();
  await release('media', 'dev', '5.3.0');
  await refresh('media-dev');
  await expect(cell(page, 'media', 'dev')).toContainText('5.3.0', { timeout: 60_000 });
  await becomes('media-dev', 'Synced', 'Healthy');
  await expect(cell(page, 'media', 'dev')).toContainText('Healthy');
  // A commit that runs and is not in the mirror is looked for, at most once a minute.
  await expect(cell(page, 'media', 'staging')).toContainText('1 behind', { timeout: 90_000 });
  await expect(cell(page, 'media', 'dev')).toBeFocused();
  expect(await marked.stillThere(), 'the page was not loaded again').toBe(true);
});

test('the page of an app tells where a commit is, and what differs', async ({ page }) => {
  await open(page, '/apps/catalog');
  await expect(page.getByRole('region', { name: 'dev', exact: true })).toContainText('3.8.1');
  await expect(page.getByRole('region', { name: 'prod', exact: true })).toContainText('3.7.4');
  const releases = page.getByRole('region', { name: 'Where is my commit?' });
  await expect(releases.getByRole('row', { name: /^3\.8\.1/ })).toContainText('Live');
  await releases.getByRole('searchbox').fill('3.7.4');
  await expect(releases.getByRole('row', { name: /^3\.8\.1/ })).toHaveCount(0);
  await releases.getByRole('searchbox').press('Enter');
  await expect(page).toHaveURL('/apps/catalog?commit=3.7.4');
  const differences = page.getByRole('region', { name: 'Differences between environments' });
  await expect(differences.getByRole('row', { name: /newTag/ })).toContainText('3.8.0');
  await differences.getByLabel('From').selectOption('staging');
  await differences.getByLabel('to', { exact: true }).selectOption('prod');
  await expect(page).toHaveURL(/from=staging&to=prod/);
  await expect(differences.getByRole('row', { name: /newTag/ })).toContainText('3.7.4');
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true });

  test('the first column stays, the jumps lead to the columns, marks hide', async ({ page }) => {
    await open(page, '/matrix');
    await expect(page.locator('.pips:visible')).toHaveCount(0);
    await page.getByRole('navigation', { name: 'Jump to an environment' }).getByRole('link', { name: 'prod' }).click();
    await expect(cell(page, 'catalog', 'prod')).toBeInViewport();
    await expect(row(page, 'catalog').getByRole('link', { name: 'catalog', exact: true })).toBeInViewport();
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wider, 'pixels wider than the screen').toBe(0);
    await page.getByRole('button', { name: 'More of catalog in prod' }).click();
    const box = await peek(page).boundingBox();
    expect(box && box.x >= 0 && box.x + box.width <= 390, 'the popover is on the screen').toBe(true);
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false, storageState: { cookies: [], origins: [] }, expected: [/preloaded using link preload/] });

  test('apps are found, opened, compared and chosen by links and forms', async ({ page }) => {
    await signIn(page);
    await page.goto('/matrix');
    await page.getByRole('searchbox').fill('catalog');
    await page.getByRole('button', { name: 'Show', exact: true }).first().click();
    await expect(page).toHaveURL(/q=catalog/);
    await expect(cell(page, 'billing', 'dev')).toHaveCount(0);
    await page.getByRole('checkbox', { name: 'Select catalog' }).check();
    await page.getByLabel('From').selectOption('dev');
    await page.getByLabel('to', { exact: true }).selectOption('staging');
    await page.getByRole('button', { name: 'Promote the ticked apps…' }).click();
    await expect(page).toHaveURL('/plans?apps=catalog&from=dev&to=staging');

    await page.goto('/matrix');
    await cell(page, 'catalog', 'prod').click();
    await expect(page).toHaveURL('/apps/catalog#prod');
    await expect(page.getByRole('link', { name: 'Promote to staging…' })).toBeVisible();
    await page.getByLabel('Find a commit or a release').fill('3.7.4');
    await page.getByRole('button', { name: 'Find' }).click();
    await expect(page).toHaveURL('/apps/catalog?commit=3.7.4');
    await expect(page.getByRole('row', { name: /^3\.8\.1/ })).toHaveCount(0);
    await page.getByLabel('From').selectOption('staging');
    await page.getByLabel('to', { exact: true }).selectOption('prod');
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    await expect(page).toHaveURL('/apps/catalog?from=staging&to=prod#differences');
  });
});

beside.describe('for somebody who may not', () => {
  beside.use({ storageState: { cookies: [], origins: [] }, baseURL: besideURL });

  beside('an act is grey and says which right it needs', async ({ page, beside: url }) => {
    expect(url).toBe(besideURL);
    await signInAs(page, 'bob', '/matrix');
    await expect(page.getByRole('banner').getByText('Live', { exact: true })).toBeVisible();
    await cell(page, 'catalog', 'staging').focus();
    await page.keyboard.press('p');
    const act = peek(page).locator('[aria-disabled="true"]', { hasText: 'Promote to prod…' });
    await expect(act).toContainText(/needs|right/);
    await expect(page, 'the key does nothing that may not be done').toHaveURL(`${besideURL}/matrix`);
    await page.goto('/apps/catalog');
    await expect(page.getByRole('button', { name: 'Promote to prod…' })).toBeDisabled();
  });

  beside('what one may not see is not there', async ({ page, beside: url }) => {
    expect(url).toBe(besideURL);
    await signInAs(page, 'carol', '/matrix');
    await expect(cell(page, 'catalog', 'dev')).toBeVisible();
    await expect(cell(page, 'catalog', 'prod')).toHaveCount(0);
    await page.goto('/apps/catalog');
    await expect(page.getByRole('main').getByRole('link', { name: 'catalog-dev' })).toBeVisible();
    await expect(page.getByRole('main').getByRole('link', { name: 'catalog-prod' })).toHaveCount(0);
  });
});

async function findNothingSerious(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  expect(serious.map(({ id, help, nodes }) => ({ id, help, where: nodes.map(({ target }) => target.join(' ')) }))).toEqual([]);
}
