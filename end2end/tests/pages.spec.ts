// What holds on every page: it is whole, accessible, quiet, and goes where its links say.

import { AxeBuilder } from '@axe-core/playwright';
import { expect, goto, open, pages, stillPages, test } from '../support/pages.ts';

const everyPage = [...pages.map((page) => ({ ...page, show: open })), ...stillPages.map((page) => ({ ...page, show: goto }))];

for (const { name, path, heading, show } of everyPage) {
  for (const colorScheme of ['dark', 'light'] as const) {
    test(`${name} is accessible in ${colorScheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await show(page, path);
      await expect(page.getByRole('heading', { level: 1, name: heading })).toBeVisible();
      await findNothingSerious(page);
    });
  }

  test(`${name} fits a phone`, async ({ page }) => {
    await page.setViewportSize({ width: 390, height: 844 });
    await show(page, path);
    await expect(page.getByRole('heading', { level: 1, name: heading })).toBeVisible();
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wider, 'pixels wider than the screen').toBe(0);
    await findNothingSerious(page);
  });
}

test.describe('signed out', () => {
  test.use({ storageState: { cookies: [], origins: [] } });

  test('every page leads to the sign-in and from there back', async ({ page }) => {
    await page.goto('/applications?health=Degraded');
    await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
    await findNothingSerious(page);
    await page.getByLabel('User').fill('admin');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('alert')).toContainText('not right');
  });
});

test('a figure of the overview is a filter of the list', async ({ page }) => {
  await open(page, '/');
  await page.getByRole('link', { name: /^Out of sync \d/ }).click();
  await expect(page).toHaveURL(/\/applications\?sync=OutOfSync$/);
  await expect(page.getByRole('row', { name: /checkout-prod/ })).toContainText('Out of sync');
  await expect(page.getByRole('row', { name: /checkout-dev/ })).toHaveCount(0);
});

test('a filter that hides all says how many it hides, and can be dropped', async ({ page }) => {
  await open(page, '/applications?q=nothing-is-called-so');
  await expect(page.getByText(/36 Applications are hidden by/)).toBeVisible();
  await page.getByRole('link', { name: 'Clear the filters' }).first().click();
  await expect(page.getByRole('row', { name: /web-app-dev/ })).toBeVisible();
});

test.describe('what is not there', () => {
  test.use({ expected: [/404/] });

  test('an Application that does not exist is not found, with that status', async ({ page }) => {
    const answer = await page.goto('/applications/mgmt/argocd/nobody');
    expect(answer?.status()).toBe(404);
    await expect(page.getByRole('heading', { level: 1, name: 'Not found' })).toBeVisible();
  });
});

async function findNothingSerious(page: import('@playwright/test').Page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  expect(serious.map(({ id, help, nodes }) => ({ id, help, where: nodes.map(({ target }) => target.join(' ')) }))).toEqual([]);
}
