// Plans on the lab: a promotion, a train, a rollback, and the repositories. Quarterdeck writes nothing here.

import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { release } from '../support/lab.ts';
import { expect, signIn, test } from '../support/pages.ts';

/** Plans web-app from dev to staging, as a person does, and ends on the page of the plan. */
async function planWebApp(page: Page) {
  await page.goto('/plans?apps=web-app&from=dev&to=staging');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Plan a promotion');
  await expect(page.getByLabel('web-app', { exact: true })).toBeChecked();
  await page.getByRole('button', { name: /^Plan the promotion/ }).click();
  await expect(page).toHaveURL(/\/plans\/[0-9a-f]{64}$/, { timeout: 20_000 });
}

const card = (page: Page, name: string | RegExp) => page.getByRole('region', { name });

async function readThePlan(page: Page) {
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Promote web-app from dev to staging');
  await expect(card(page, 'What moves').getByRole('row', { name: /newTag/ })).toContainText(/1\.4\.2.*to.*1\.5\.0/s);
  await expect(card(page, 'Source difference').first()).toContainText('apps/web-app/overlays/staging/kustomization.yaml');
  await expect(page.locator('.diff del').first()).toBeVisible();
  await expect(page.locator('.diff ins').first()).toBeVisible();
  await expect(card(page, 'Rendered difference').first()).toContainText('web-app-staging');
  await expect(card(page, 'Blast radius')).toContainText('Applications');
  await expect(page.getByRole('main')).toContainText('Still holds');
}

async function isAccessibleAndFits(page: Page) {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    expect(serious.map(({ id, help, nodes }) => ({ id, help, where: nodes.map(({ target }) => target.join(' ')) }))).toEqual([]);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wider, 'pixels wider than the screen').toBe(0);
  await page.setViewportSize({ width: 1440, height: 900 });
}

test('one app: what moves, both differences, and how far it reaches', async ({ page }) => {
  await planWebApp(page);
  await readThePlan(page);
  await isAccessibleAndFits(page);
});

test('asked for again, it is the same plan', async ({ page }) => {
  await planWebApp(page);
  const before = page.url();
  await page.getByRole('button', { name: 'Compute again' }).click();
  await expect(page.getByRole('main')).toContainText('Still holds');
  expect(page.url()).toBe(before);
});

test('the button counts the ticks', async ({ page }) => {
  await page.goto('/plans?apps=web-app&from=dev&to=staging');
  await expect(page.getByRole('button', { name: 'Plan the promotion of 1 app to staging' })).toBeVisible();
  await page.getByLabel('api', { exact: true }).check();
  await expect(page.getByRole('button', { name: 'Plan the promotion of 2 apps to staging' })).toBeVisible();
});

test('a train: each app has its place and its cause', async ({ page }) => {
  await page.goto('/plans?from=dev&to=staging');
  await page.getByRole('button', { name: /^Plan the promotion/ }).click();
  await expect(page).toHaveURL(/\/plans\/[0-9a-f]{64}$/, { timeout: 30_000 });
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^Promote \d+ apps from dev to staging$/);
  const apps = card(page, 'Apps');
  await expect(apps.first()).toContainText(/\d+ of \d+ apps move/);
  // billing crashes in dev: it is not verified there, and says so.
  await expect(apps.getByRole('row', { name: /billing/ }).first()).toContainText(/Degraded|not verified/i);
  await expect(page.getByText(/^Even, \d+$/)).toBeVisible();
  await isAccessibleAndFits(page);
});

test('a rollback: the states, a preview, and a kept plan', async ({ page }) => {
  // Two states of its own, and in the end what was there before.
  await release('web-app', 'staging', '1.4.1');
  const last = await release('web-app', 'staging', '1.4.2');
  await page.goto('/repositories');
  await page.getByRole('button', { name: 'Fetch now' }).first().click();
  await expect(page.getByRole('main')).toContainText(last.slice(0, 7), { timeout: 20_000 });
  await page.goto('/apps/web-app/staging/rollback');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Roll back web-app in staging');
  const states = page.getByRole('region', { name: '1. Choose a revision' });
  await expect(states.getByText('running')).toHaveCount(1);
  await isAccessibleAndFits(page);
  await states.getByRole('link', { name: /1\.4\.1/ }).first().click();
  await expect(page).toHaveURL(/\?to=[0-9a-f]{40}$/);
  await expect(page.getByRole('heading', { name: '2. Preview' })).toBeVisible();
  await expect(page.getByRole('heading', { name: '3. What it means' })).toBeVisible();
  await isAccessibleAndFits(page);
  await page.getByRole('button', { name: 'Keep this plan' }).click();
  await expect(page).toHaveURL(/\/plans\/[0-9a-f]{64}$/, { timeout: 20_000 });
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Roll back web-app in staging to 1.4.1');
});

test('the repositories: how fresh, what was found, what is wrong', async ({ page }) => {
  await page.goto('/repositories');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Repositories');
  const main = page.getByRole('main');
  await page.getByRole('button', { name: 'Fetch now' }).first().click();
  await expect(main).toContainText(/Fetched \d+ s ago/, { timeout: 20_000 });
  await expect(main).toContainText('apps found');
  await expect(main).toContainText('apps/web-app');
  await isAccessibleAndFits(page);
  // A fault that lint names, with its place; mended in the end.
  await release('media', 'prod', 'latest');
  await page.getByRole('button', { name: 'Fetch now' }).first().click();
  await expect(main).toContainText('apps/media/overlays/prod/kustomization.yaml', { timeout: 20_000 });
  await page.getByRole('link', { name: /^Warnings \d/ }).click();
  await expect(page).toHaveURL(/severity=warning$/);
  await expect(main).toContainText('Name a version or a digest.');
  await expect(main.getByText('Hint', { exact: true })).toHaveCount(0);
  await isAccessibleAndFits(page);
  await release('media', 'prod', '5.1.9');
});

test.describe('without JavaScript', () => {
  // Without JavaScript the browser misses a use of what the page preloads for it.
  test.use({ javaScriptEnabled: false, storageState: { cookies: [], origins: [] }, expected: [/preloaded using link preload/] });

  test('a plan of one app, its noise, and a train', async ({ page }) => {
    await signIn(page);
    await planWebApp(page);
    await readThePlan(page);
    const folded = card(page, 'Source difference').first().getByText('Raw patch');
    await folded.click();
    await expect(page.getByRole('region', { name: 'Raw patch' })).toContainText('+++ b/apps/web-app');
    const noise = page.getByRole('link', { name: /^With noise/ });
    if ((await noise.count()) > 0) {
      await noise.click();
      await expect(page).toHaveURL(/noise=1/);
    }
    await page.goto('/plans?from=dev&to=staging');
    await page.getByRole('button', { name: 'Plan the promotion to staging' }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^Promote \d+ apps from dev to staging$/);
  });

  test('the environments of the form are chosen, and an error is read in place', async ({ page }) => {
    await signIn(page);
    await page.goto('/plans');
    await page.getByLabel('From').selectOption('staging');
    await page.getByLabel('To', { exact: true }).selectOption('prod');
    await page.getByRole('button', { name: 'Show' }).click();
    await expect(page).toHaveURL(/from=staging&to=prod/);
    await expect(page.getByRole('heading', { level: 2, name: 'Apps in staging' })).toBeVisible();
    await page.getByLabel('To', { exact: true }).selectOption('staging');
    await page.getByRole('button', { name: 'Show' }).click();
    await expect(page.getByText('An environment to itself is no promotion.')).toBeVisible();
  });

  test('the rollback page and the repositories are whole', async ({ page }) => {
    await signIn(page);
    await page.goto('/apps/web-app/staging/rollback');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Roll back web-app in staging');
    await page.goto('/repositories');
    await page.getByRole('button', { name: 'Fetch now' }).first().click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Repositories');
    await expect(page.getByRole('main')).toContainText(/Fetched \d+ s ago/);
  });
});
