// Real sign-in through Dex as each role of the lab, and what each sees and may do.

import { besideURL, signInAs, test } from '../support/beside.ts';
import { expect } from '../support/pages.ts';
import { kubectl } from '../support/lab.ts';

test.use({ storageState: { cookies: [], origins: [] }, baseURL: besideURL });

const roles = [
  { who: 'alice', applications: 36, clusters: 4, syncs: ['web-app-dev', 'web-app-prod'], sees: [], misses: [], record: true },
  { who: 'bob', applications: 36, clusters: 4, syncs: ['web-app-dev', 'web-app-staging'], sees: ['web-app-prod'], misses: [], record: false },
  { who: 'dave', applications: 36, clusters: 4, syncs: ['web-app-prod'], sees: ['web-app-dev'], misses: [], record: true },
  { who: 'carol', applications: 12, clusters: 0, syncs: [], sees: ['web-app-dev'], misses: ['web-app-staging', 'web-app-prod'], record: false },
];

for (const { who, applications, clusters, syncs, sees, misses, record } of roles) {
  test(`${who} sees and may do what the role says, and nothing else`, async ({ page, beside }) => {
    expect(beside).toBe(besideURL);
    await signInAs(page, who, '/applications');
    await expect(page.getByText(`${applications} of ${applications}`).first()).toBeVisible();
    for (const name of syncs) {
      await page.goto(`/applications/mgmt/argocd/${name}`);
      await expect(page.getByRole('link', { name: 'Sync…' })).toBeVisible();
    }
    for (const name of sees) {
      await page.goto(`/applications/mgmt/argocd/${name}`);
      await expect(page.getByRole('button', { name: 'Sync…' })).toBeDisabled();
      await expect(page.getByText(/You lack the right applications, sync on/)).toBeVisible();
      const answer = await page.request.post(`/api/v1/applications/mgmt/argocd/${name}/sync`, { data: { dry_run: true } });
      expect(answer.status(), `the API refuses ${name}, too`).toBe(403);
    }
    for (const name of misses) {
      const answer = await page.request.get(`/api/v1/applications/mgmt/argocd/${name}`);
      const absent = await page.request.get(`/api/v1/applications/mgmt/argocd/no-such-${name}`);
      expect([answer.status(), absent.status()]).toEqual([404, 404]);
      const words = async (response: typeof answer) => ((await response.json()) as { detail: string }).detail.replace('no-such-', '');
      expect(await words(answer), 'forbidden reads as absent').toBe(await words(absent));
    }
    const list = (await (await page.request.get('/api/v1/clusters')).json()) as { rows: unknown[] };
    expect(list.rows).toHaveLength(clusters);
    expect((await page.request.get('/api/v1/audit')).status()).toBe(record ? 200 : 404);
  });
}

test('the local administrator is off beside single sign-on', async ({ page, beside }) => {
  await page.goto(`${beside}/login`);
  await expect(page.getByText('Of the browser suite.')).toBeVisible();
  await expect(page.getByLabel('Password')).toHaveCount(0);
  const answer = await page.request.post('/auth/login', { form: { name: 'admin', password: 'a password that is off' }, maxRedirects: 0 });
  expect(answer.headers()['location']).toContain('error=invalid');
});

test('an API token does what it was made for, and ends with a click', async ({ page, beside, playwright }) => {
  // The database outlives a run, and with it the tokens of earlier ones.
  const name = `of run ${Date.now()}`;
  await signInAs(page, 'bob', '/settings/tokens');
  await page.getByLabel('Name').fill(name);
  await page.getByLabel(/May:/).fill('applications, get, dev/*');
  await page.getByRole('button', { name: 'Create the token' }).click();
  const token = (await page.getByRole('status').locator('code').first().textContent()) ?? '';
  expect(token).toMatch(/^qd_/);
  const program = await playwright.request.newContext({ baseURL: beside, extraHTTPHeaders: { authorization: `Bearer ${token}` } });
  const names = async () => {
    const page = (await (await program.get('/api/v1/applications?limit=200')).json()) as { items: { id: { name: string } }[] };
    return page.items.map((it) => it.id.name);
  };
  const seen = await names();
  expect(seen).toHaveLength(12);
  expect(seen.every((name) => name.endsWith('-dev'))).toBe(true);
  expect((await program.post('/api/v1/applications/mgmt/argocd/web-app-dev/sync', { data: { dry_run: true } })).status()).toBe(403);
  expect((await program.get('/api/v1/tokens')).status(), 'it says nothing of tokens of others').toBe(200);
  await page.reload();
  await page.getByRole('row', { name: new RegExp(name) }).getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByRole('row', { name: new RegExp(name) })).toContainText('revoked');
  await expect.poll(async () => (await program.get('/api/v1/overview')).status(), { timeout: 5000 }).toBe(401);
  await program.dispose();
});

test('a session ends at once where it is ended, and its stream with it', async ({ page, beside, browser }) => {
  await signInAs(page, 'bob');
  const other = await browser.newContext({ baseURL: beside, storageState: { cookies: [], origins: [] } });
  const elsewhere = await other.newPage();
  await signInAs(elsewhere, 'bob', '/clusters');
  await expect(elsewhere.getByRole('banner').getByText('Live', { exact: true })).toBeVisible();
  await page.goto('/settings/sessions');
  const row = page.getByRole('row').filter({ has: page.getByRole('button', { name: 'End' }) });
  await row.first().getByRole('button', { name: 'End' }).click();
  await expect(elsewhere.getByText('Your session ended.').first()).toBeVisible({ timeout: 5000 });
  await other.close();
});

test('a page follows a change of policy without a reload', async ({ page, beside }) => {
  expect(beside).toBe(besideURL);
  await signInAs(page, 'carol', '/applications');
  await expect(page.getByText('12 of 12').first()).toBeVisible();
  const before = await kubectl('mgmt', '-n', 'argocd', 'get', 'configmap', 'quarterdeck-rbac-cm', '-o', 'jsonpath={.data.policy\\.csv}');
  const set = (policy: string) =>
    kubectl('mgmt', '-n', 'argocd', 'patch', 'configmap', 'quarterdeck-rbac-cm', '--type=merge', '-p', JSON.stringify({ data: { 'policy.csv': policy } }));
  try {
    await set(`${before}\np, role:developer, applications, get, staging/*/*, allow\n`);
    await expect(page.getByText('24 of 24').first()).toBeVisible();
    await set('p, broken\n');
    await page.goto('/applications');
    await expect(page.getByText('24 of 24').first(), 'the last good policy stays').toBeVisible();
  } finally {
    await set(before);
  }
  await expect(page.getByText('12 of 12').first()).toBeVisible();
});
