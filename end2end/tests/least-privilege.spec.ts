// With the rights of deploy/rbac everything works, and what they leave out is refused.

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

test('what deploy/rbac gives is enough for everything, and no more', async ({ browser }) => {
  test.setTimeout(180_000);
  await mkdir(folder, { recursive: true });
  await kubectl('mgmt', 'apply', '-f', join(manifests, 'quarterdeck.yaml'));
  await kubectl('mgmt', 'apply', '-f', join(manifests, 'destination-read-only.yaml'));
  await kubectl('mgmt', 'create', 'clusterrolebinding', 'quarterdeck-in-cluster', '--clusterrole=quarterdeck-read-only', '--serviceaccount=argocd:quarterdeck').catch(() => '');
  const tokens: Record<string, string> = { mgmt: (await kubectl('mgmt', '-n', 'argocd', 'create', 'token', 'quarterdeck')).trim() };
  for (const cluster of destinations) {
    await kubectl(cluster, 'apply', '-f', join(manifests, 'destination-read-only.yaml'));
    tokens[cluster] = (await kubectl(cluster, '-n', 'quarterdeck', 'create', 'token', 'quarterdeck')).trim();
  }
  const config = await kubeconfig(tokens);
  const settings = destinations.map((cluster) => `[[clusters.kubeconfigs]]\ncluster = "${cluster}"\nkubeconfig = "${config}"\ncontext = "${cluster}"\n`);
  const end = await startBeside(settings.join(''), { KUBECONFIG: config, QUARTERDECK_ADMIN_PASSWORD: password });
  try {
    const context = await browser.newContext({ baseURL: besideURL, storageState: { cookies: [], origins: [] } });
    const page = await context.newPage();
    await page.goto('/login');
    await page.getByLabel('User').fill('admin');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
    await page.goto('/clusters');
    for (const cluster of [...destinations, 'in-cluster']) {
      await expect(page.getByRole('row', { name: new RegExp(`^${cluster}\\b`) })).toContainText(/nodes? ready|\d of \d/, { timeout: 30_000 });
    }
    await page.goto('/applications');
    await expect(page.getByText('36 of 36').first()).toBeVisible();
    const application = '/api/v1/applications/mgmt/argocd/web-app-dev';
    const detail = (await (await context.request.get(application)).json()) as { resources_note: string | null; resources: { health: unknown }[] };
    expect(detail.resources_note).toBeNull();
    expect(detail.resources.length).toBeGreaterThan(0);
    expect((await context.request.post(`${application}/refresh`, { data: {} })).status()).toBe(200);
    expect((await context.request.post(`${application}/sync`, { data: { dry_run: true } })).status()).toBe(200);
    await context.close();
  } finally {
    await end();
  }
  await refuses(config);
});

/** What the accounts must not be able to do. */
async function refuses(config: string) {
  const can = async (cluster: string, ...what: string[]) => {
    const answer = await run(join(lab.programs, 'bin/kubectl'), ['--kubeconfig', config, '--context', cluster, 'auth', 'can-i', ...what]).catch(() => 'no');
    return answer.trim().startsWith('yes');
  };
  for (const what of [
    ['delete', 'applications.argoproj.io', '-n', 'argocd'],
    ['create', 'applications.argoproj.io', '-n', 'argocd'],
    ['update', 'configmaps', '-n', 'argocd'],
    ['get', 'configmaps/argocd-ssh-known-hosts-cm', '-n', 'argocd'],
    ['update', 'secrets', '-n', 'argocd'],
    ['list', 'secrets', '-n', 'kube-system'],
    ['create', 'pods', '-n', 'argocd'],
  ]) {
    expect(await can('mgmt', ...what), `mgmt: ${what.join(' ')}`).toBe(false);
  }
  expect(await can('mgmt', 'patch', 'applications.argoproj.io', '-n', 'argocd'), 'can-i itself answers').toBe(true);
  for (const what of [
    ['list', 'secrets', '-A'],
    ['list', 'configmaps', '-A'],
    ['patch', 'deployments', '-A'],
    ['delete', 'pods', '-A'],
    ['create', 'pods', '--subresource=exec', '-A'],
    ['get', 'pods', '--subresource=log', '-A'],
    ['impersonate', 'users'],
  ]) {
    expect(await can('dev', ...what), `dev: ${what.join(' ')}`).toBe(false);
  }
}
