// What people do on the pages, and what must hold on each of them.

import { expect, test as base, type Page } from '@playwright/test';
import { admin } from './settings.ts';

/** Every page there is, by what it shows; those of a single thing show one of the lab. */
export const pages = [
  { name: 'overview', path: '/', heading: 'Overview' },
  { name: 'matrix', path: '/matrix', heading: 'Matrix' },
  { name: 'app', path: '/apps/web-app', heading: 'web-app' },
  { name: 'applications', path: '/applications', heading: 'Applications' },
  { name: 'application', path: '/applications/mgmt/argocd/checkout-prod', heading: 'checkout-prod' },
  { name: 'clusters', path: '/clusters', heading: 'Clusters' },
  { name: 'cluster', path: '/clusters/mgmt/dev', heading: 'dev' },
];

/** Those that show nothing that changes by itself. */
export const stillPages = [
  { name: 'audit', path: '/audit', heading: 'Audit' },
  { name: 'permissions', path: '/permissions?resource=applications&action=sync&object=web-app-prod', heading: 'Permissions' },
  { name: 'changes', path: '/changes', heading: 'Changes' },
  { name: 'waiting', path: '/waiting', heading: 'Waiting for you' },
  { name: 'freezes', path: '/freezes', heading: 'Freezes and holds' },
  { name: 'repositories', path: '/repositories', heading: 'Repositories' },
  { name: 'plan a promotion', path: '/plans?apps=web-app&from=dev&to=staging', heading: 'Plan a promotion' },
  { name: 'roll back', path: '/apps/web-app/staging/rollback', heading: 'Roll back web-app in staging' },
  { name: 'sessions', path: '/settings/sessions', heading: 'Settings' },
  { name: 'tokens', path: '/settings/tokens', heading: 'Settings' },
  { name: 'more', path: '/menu', heading: 'More' },
];

export const pageOf = (application: string) => `/applications/mgmt/argocd/${application}`;

export async function signIn(page: Page, password = admin.password) {
  await page.goto('/login');
  await page.getByLabel('User').fill(admin.name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  // Also called before the settings of the suite are known, of a program that has just started.
  await expect(page).toHaveURL('/', { timeout: 20_000 });
}

/** Opens a page that shows nothing that changes. */
export async function goto(page: Page, path: string) {
  await page.goto(path);
}

/** Opens a page and waits until it is alive: its stream has answered. */
export async function open(page: Page, path: string) {
  await page.goto(path);
  await expect(page.getByRole('banner').getByText('Live', { exact: true })).toBeVisible();
}

/** Proves later that the page was not loaded again. */
export async function mark(page: Page) {
  await page.evaluate(() => Object.assign(window, { marked: true }));
  return { stillThere: () => page.evaluate(() => 'marked' in window) };
}

/**
 * A test whose page must say nothing to the console: no error, no warning, no panic of the wasm, no violation of the policy.
 * What a test provokes, it names in `expected`.
 */
export const test = base.extend<{ expected: RegExp[] }>({
  expected: [[], { option: true }],
  page: async ({ page, expected }, use) => {
    const said: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) said.push(`${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => said.push(`uncaught: ${error.message}`));
    await use(page);
    expect(said.filter((line) => !expected.some((pattern) => pattern.test(line)))).toEqual([]);
  },
});

export { expect };
