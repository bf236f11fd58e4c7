// Pictures of every page of the running demo, to be looked at beside the mocks: 1440 and 390 pixels, dark and light.

import { expect, test } from '@playwright/test';
import { signInThroughDex } from '../support/beside.ts';
import { open, pageOf, pages, stillPages } from '../support/pages.ts';

const shots = [
  ...pages,
  { name: 'application-crashing', path: pageOf('billing-dev') },
  { name: 'application-denied', path: pageOf('ledger-prod') },
  { name: 'sync-form', path: `${pageOf('web-app-prod')}?sync=1` },
  { name: 'matrix-compact', path: '/matrix?density=compact&group=none' },
  { name: 'matrix-empty', path: '/matrix?q=nothing-is-called-so' },
  { name: 'applications-filtered', path: '/applications?health=Degraded&health=Missing' },
  { name: 'applications-empty', path: '/applications?q=nothing-is-called-so' },
];
const stillShots = [...stillPages, { name: 'not-found', path: '/applications/mgmt/argocd/nobody' }];
const folder = 'screenshots';

for (const colorScheme of ['dark', 'light'] as const) {
  for (const width of [1440, 390]) {
    test(`${width} ${colorScheme}`, async ({ page }) => {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.goto('/login');
      await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
      await page.screenshot({ path: `${folder}/login-${width}-${colorScheme}.png` });
      await signInThroughDex(page, 'alice');
      await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
      const shoot = (name: string) => page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      for (const { name, path } of shots) {
        await open(page, path);
        await shoot(name);
      }
      for (const { name, path } of stillShots) {
        await page.goto(path);
        await shoot(name);
      }
    });
  }
}
