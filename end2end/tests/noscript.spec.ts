// Three journeys with JavaScript off: to find what is wrong, to sync, and to be refused. Links are links, forms are forms.

import { application, becomes, refresh, release } from '../support/lab.ts';
import { expect, pageOf, signIn, test } from '../support/pages.ts';

// Without JavaScript the browser misses a use of what the page preloads for it.
test.use({ javaScriptEnabled: false, storageState: { cookies: [], origins: [] }, expected: [/preloaded using link preload/] });

test('from the sign-in over a filter to the cause, and out again', async ({ page }) => {
  await signIn(page);
  await page.getByRole('link', { name: /^Degraded \d/ }).click();
  await expect(page).toHaveURL(/health=Degraded/);
  await page.getByRole('link', { name: 'billing-dev' }).first().click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('billing-dev');
  await expect(page.getByText(/CrashLoopBackOff/).first()).toBeVisible();

  await page.goto('/applications');
  await page.getByRole('searchbox').fill('checkout');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page).toHaveURL(/q=checkout/);
  await expect(page.getByRole('row', { name: /checkout-/ })).toHaveCount(3);

  await page.getByRole('link', { name: 'Clusters' }).first().click();
  await page.getByRole('link', { name: 'prod', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('prod');

  await page.getByRole('button', { name: 'Sign out' }).first().click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sign in');
  await page.goto('/applications');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sign in');
});

test('a sync, from the commit to healthy', async ({ page }) => {
  await release('gateway', 'staging', '1.23.0');
  await refresh('gateway-staging');
  await becomes('gateway-staging', 'OutOfSync', 'Healthy');
  await signIn(page);
  await page.goto(pageOf('gateway-staging'));
  await page.getByRole('link', { name: 'Sync…' }).click();
  await page.getByRole('button', { name: 'Sync gateway-staging' }).click();
  await expect(page).toHaveURL(pageOf('gateway-staging'));
  await becomes('gateway-staging', 'Synced', 'Healthy');
  // The images follow the status by a moment, and this page changes only when it is loaded again.
  await expect(async () => {
    await page.reload();
    await expect(page.getByRole('main')).toContainText('1.23.0', { timeout: 1_000 });
  }).toPass({ timeout: 20_000 });
  await expect(page.getByRole('region', { name: 'Last operation' })).toContainText('Succeeded');
  await page.getByRole('button', { name: 'Refresh', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('gateway-staging');
});

test('a sync of prod is refused while its name is not typed, and the page says why', async ({ page }) => {
  await signIn(page);
  await page.goto(pageOf('checkout-prod'));
  const before = await application('checkout-prod');
  await page.getByRole('link', { name: 'Sync…' }).click();
  await page.getByLabel(/Type prod/).fill('staging');
  await page.getByRole('button', { name: 'Sync checkout-prod' }).click();
  await expect(page.getByText('The sync was refused')).toBeVisible();
  const after = await application('checkout-prod');
  expect(after.operation).toBeUndefined();
  expect(after.status?.operationState?.startedAt).toBe(before.status?.operationState?.startedAt);
});
