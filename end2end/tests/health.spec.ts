// The health of resources that we compute is the one that Argo CD would have written.

import { application, kubectl, labCommand } from '../support/lab.ts';
import { expect, open, pageOf, test } from '../support/pages.ts';
import { run, until } from '../support/processes.ts';
import { lab } from '../support/settings.ts';
import type { Page } from '@playwright/test';

test.describe.configure({ timeout: 180_000 });

const names = ['checkout-dev', 'billing-dev', 'search-staging', 'ledger-prod', 'media-staging'];

test('the health of resources is the same with and without Argo CD persisting it', async ({ page }) => {
  const computed = await healths(page);
  expect(computed).toMatchObject({ 'billing-dev Deployment billing': 'Degraded', 'ledger-prod Service ledger': 'Missing' });
  await controller('1');
  try {
    await until('Argo CD persists the health', async () => !(await sources()).includes('appTree'), 90);
    // A kind that only a script of Argo CD judges has no health with us rather than a wrong one.
    const persisted = await healths(page);
    expect(Object.fromEntries(Object.keys(computed).map((resource) => [resource, persisted[resource]]))).toEqual(computed);
    await open(page, pageOf('billing-dev'));
    await expect(page.getByText('computed by Quarterdeck')).toHaveCount(0);
  } finally {
    await controller('0');
    await until('Argo CD persists the health no longer', async () => (await sources()).every((source) => source === 'appTree'), 90);
  }
});

/** The health of each resource that has one, by Application, kind and name. */
async function healths(page: Page) {
  const all: Record<string, string> = {};
  for (const name of names) {
    await open(page, pageOf(name));
    const rows = page.getByRole('region', { name: /^Resources/ }).getByRole('row').filter({ has: page.getByRole('cell') });
    for (const row of await rows.all()) {
      const resource = (await row.getByRole('cell').first().getAttribute('title')) ?? '';
      const [kind = '', , own = ''] = resource.split(' ');
      const health = await row.getByRole('cell').nth(1).innerText();
      if (health.trim() !== 'none') all[`${name} ${kind.split('.')[0]} ${own}`] = health.split('\n')[0]!.trim();
    }
  }
  return all;
}

async function controller(persist: '0' | '1') {
  await labCommand('stop', 'argocd-application-controller');
  await run(lab.script, ['start', 'argocd-application-controller'], { env: { ...lab.environment, LAB_PERSIST_HEALTH: persist } });
}

async function sources() {
  for (const name of names) await kubectl('mgmt', '-n', 'argocd', 'annotate', '--overwrite', 'application', name, 'argocd.argoproj.io/refresh=normal');
  return Promise.all(names.map(async (name) => ((await application(name)).status as { resourceHealthSource?: string }).resourceHealthSource ?? ''));
}
