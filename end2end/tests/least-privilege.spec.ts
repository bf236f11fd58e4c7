// With the rights of deploy/rbac everything works, and what they leave out is refused.

import type { Browser, Page } from '@playwright/test';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { besideURL, startBeside } from '../support/beside.ts';
import { expect, test } from '../support/pages.ts';
import { kubectl } from '../support/lab.ts';
import { run } from '../support/processes.ts';
import { lab, state } from '../support/settings.ts';

const manifests = join(import.meta.dirname, '../../deploy/rbac');
const folder = join(state, 'least-privilege');
const destinations = ['dev', 'staging', 'prod'];
const password = 'a password of the least privilege';

/** A kubeconfig of the lab with another account's tokens. */
async function kubeconfig(tokens: Record<string, string>) {
  let text = await readFile(join(lab.folder, 'kubeconfig'), 'utf8');
  for (const [cluster, token] of Object.entries(tokens)) {
    text = text.replace(new RegExp(`- \\{name: ${cluster}, user: \\{.*\\}\\}`), `- {name: ${cluster}, user: {token: "${token}"}}`);
  }
  const path = join(folder, 'kubeconfig');
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** Applies what deploy/rbac has, and gives its accounts to a Quarterdeck of our own; the settings go before the others. */
async function withRights(browser: Browser, role: string, settings: string, check: (page: Page) => Promise<void>) {
  await mkdir(folder, { recursive: true });
  await kubectl('mgmt', 'apply', '-f', join(manifests, 'quarterdeck.yaml'));
  await kubectl('mgmt', 'apply', '-f', join(manifests, role));
  await kubectl('mgmt', 'apply', '-f', join(manifests, 'destination-read-only.yaml'));
  await kubectl('mgmt', 'create', 'clusterrolebinding', 'quarterdeck-in-cluster', '--clusterrole=quarterdeck-read-only', '--serviceaccount=argocd:quarterdeck').catch(() => '');
  const tokens: Record<string, string> = { mgmt: (await kubectl('mgmt', '-n', 'argocd', 'create', 'token', 'quarterdeck')).trim() };
  for (const cluster of destinations) {
    await kubectl(cluster, 'apply', '-f', join(manifests, 'destination-read-only.yaml'));
    tokens[cluster] = (await kubectl(cluster, '-n', 'quarterdeck', 'create', 'token', 'quarterdeck')).trim();
  }
  const config = await kubeconfig(tokens);
  const own = destinations.map((cluster) => `[[clusters.kubeconfigs]]\ncluster = "${cluster}"\nkubeconfig = "${config}"\ncontext = "${cluster}"\n`);
  const end = await startBeside(settings + own.join(''), { KUBECONFIG: config, QUARTERDECK_ADMIN_PASSWORD: password });
  try {
    const context = await browser.newContext({ baseURL: besideURL, storageState: { cookies: [], origins: [] } });
    const page = await context.newPage();
    await page.goto('/login');
    await page.getByLabel('User').fill('admin');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
    await check(page);
    await context.close();
  } finally {
    await end();
  }
  return config;
}

async function everythingWorks(page: Page) {
  await page.goto('/clusters');
  for (const cluster of [...destinations, 'in-cluster']) {
    await expect(page.getByRole('row', { name: new RegExp(`^${cluster}\\b`) })).toContainText(/nodes? ready|\d of \d/, { timeout: 30_000 });
  }
  await page.goto('/applications');
  await expect(page.getByText('36 of 36').first()).toBeVisible();
  const application = '/api/v1/applications/mgmt/argocd/web-app-dev';
  const detail = (await (await page.request.get(application)).json()) as { resources_note: string | null; resources: { health: unknown }[] };
  expect(detail.resources_note).toBeNull();
  expect(detail.resources.length).toBeGreaterThan(0);
  expect((await page.request.post(`${application}/refresh`, { data: {} })).status()).toBe(200);
  expect((await page.request.post(`${application}/sync`, { data: { dry_run: true } })).status()).toBe(200);
}

test('what deploy/rbac gives is enough for everything, and no more', async ({ browser }) => {
  test.setTimeout(180_000);
  await refuses(await withRights(browser, 'quarterdeck.yaml', '', everythingWorks));
});

test('with named Secrets everything works, and no other Secret can be read', async ({ browser }) => {
  test.setTimeout(180_000);
  const names = destinations.map((cluster) => `"cluster-${cluster}"`).join(', ');
  const config = await withRights(browser, 'quarterdeck-named-secrets.yaml', `cluster_secrets = [${names}]\n`, everythingWorks);
  await refuses(config);
  for (const what of [['list', 'secrets'], ['get', 'secrets/argocd-secret'], ['watch', 'secrets/argocd-secret']]) {
    expect(await can(config, 'mgmt', ...what, '-n', 'argocd'), what.join(' ')).toBe(false);
  }
  expect(await can(config, 'mgmt', 'watch', 'secrets/cluster-dev', '-n', 'argocd')).toBe(true);
});

test('a list of Secrets that is refused is told, with where to mend it', async ({ browser }) => {
  await withRights(browser, 'quarterdeck-named-secrets.yaml', '', async (page) => {
    await page.goto('/clusters');
    await page.getByText(/not as it should be|not as they should be/).click();
    await expect(page.getByText(/Quarterdeck may not watch it: .*See deploy\/rbac/)).toBeVisible();
    await page.goto('/applications');
    await expect(page.getByText('36 of 36').first()).toBeVisible();
  });
});

/** Whether an account of ours may do something. */
async function can(config: string, cluster: string, ...what: string[]) {
  const answer = await run(join(lab.programs, 'bin/kubectl'), ['--kubeconfig', config, '--context', cluster, 'auth', 'can-i', ...what]).catch(() => 'no');
  return answer.trim().startsWith('yes');
}

/** What the accounts must not be able to do. */
async function refuses(config: string) {
  for (const what of [
    ['delete', 'applications.argoproj.io', '-n', 'argocd'],
    ['create', 'applications.argoproj.io', '-n', 'argocd'],
    ['update', 'configmaps', '-n', 'argocd'],
    ['get', 'configmaps/argocd-ssh-known-hosts-cm', '-n', 'argocd'],
    ['update', 'secrets', '-n', 'argocd'],
    ['list', 'secrets', '-n', 'kube-system'],
    ['create', 'pods', '-n', 'argocd'],
  ]) {
    expect(await can(config, 'mgmt', ...what), `mgmt: ${what.join(' ')}`).toBe(false);
  }
  expect(await can(config, 'mgmt', 'patch', 'applications.argoproj.io', '-n', 'argocd'), 'can-i itself answers').toBe(true);
  for (const what of [
    ['list', 'secrets', '-A'],
    ['list', 'configmaps', '-A'],
    ['patch', 'deployments', '-A'],
    ['delete', 'pods', '-A'],
    ['create', 'pods', '--subresource=exec', '-A'],
    ['get', 'pods', '--subresource=log', '-A'],
    ['impersonate', 'users'],
  ]) {
    expect(await can(config, 'dev', ...what), `dev: ${what.join(' ')}`).toBe(false);
  }
}
