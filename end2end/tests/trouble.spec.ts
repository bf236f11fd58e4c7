// What is broken is shown broken, with its reason, while Argo CD still calls it Synced and Healthy; and well again when it is.

import { application, becomes, kubectl, labCommand, refresh, release } from '../support/lab.ts';
import { expect, open, pageOf, test } from '../support/pages.ts';
import { until } from '../support/processes.ts';
import { lab } from '../support/settings.ts';
import type { Page } from '@playwright/test';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

test.describe.configure({ timeout: 240_000 });

/** The time that design and issue give a fact until it is on the page. */
const NOTICED = 15_000;

test('a crash loop is shown with its reason, and its end without a reload', async ({ page }) => {
  await release('catalog', 'staging', 'crash-3.9.0');
  try {
    await refresh('catalog-staging');
    await open(page, pageOf('catalog-staging'));
    await expect(page.getByText(/CrashLoopBackOff/).first()).toBeVisible({ timeout: 60_000 });
    await expect(health(page, 'catalog-staging', 'Degraded')).toBeVisible({ timeout: 60_000 });
  } finally {
    await release('catalog', 'staging', '3.8.0');
    await refresh('catalog-staging');
  }
  await expect(health(page, 'catalog-staging', 'Healthy')).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText(/CrashLoopBackOff/)).toHaveCount(0);
});

test('a cluster that hangs is never shown green', async ({ page, context }) => {
  await notGreenWhile(page, await context.newPage(), 'dev', /did not answer/i, {
    breakIt: () => labCommand('pause', 'apiserver-dev'),
    mendIt: () => labCommand('resume', 'apiserver-dev'),
  });
});

test('a cluster that refuses connections is never shown green', async ({ page, context }) => {
  await notGreenWhile(page, await context.newPage(), 'dev', /refused/i, {
    breakIt: () => labCommand('stop', 'apiserver-dev'),
    mendIt: () => labCommand('start', 'apiserver-dev'),
  });
});

test('a cluster that refuses the credentials says so, also after Argo CD restarted', async ({ page, context }) => {
  const list = await context.newPage();
  await notGreenWhile(page, list, 'staging', /credentials|token|unauthorized|401/i, {
    // The API server remembers a good token for ten seconds.
    noticed: NOTICED + 15_000,
    breakIt: () => kubectl('staging', '-n', 'kube-system', 'delete', 'secret', 'argocd-manager-long-lived-token'),
    whileBroken: async () => {
      await labCommand('stop', 'argocd-application-controller');
      await labCommand('start', 'argocd-application-controller');
      await expect(row(list, 'web-app-staging')).not.toContainText('Healthy');
    },
    mendIt: () => labCommand('up'),
  });
});

test('nodes that are not ready are counted', async ({ page }) => {
  await open(page, '/clusters');
  await expect(row(page, 'staging')).toContainText('2 of 2');
  await labCommand('pause', 'kwok-staging');
  try {
    await expect(row(page, 'staging')).toContainText('0 of 2', { timeout: 90_000 });
  } finally {
    await labCommand('resume', 'kwok-staging');
  }
  await expect(row(page, 'staging')).toContainText('2 of 2', { timeout: 60_000 });
  await becomes('web-app-staging', 'Synced', 'Healthy');
});

test('manifests that cannot be rendered: the condition, in words', async ({ page }) => {
  await open(page, pageOf('api-dev'));
  await labCommand('stop', 'argocd-repo-server');
  try {
    await refresh('api-dev');
    await expect(page.getByText('ComparisonError').first()).toBeVisible({ timeout: 60_000 });
    await expect(page.getByText(/connection refused/i).first()).toBeVisible();
  } finally {
    await labCommand('start', 'argocd-repo-server');
  }
  await until('Argo CD compares again', async () => (await application('api-dev')).status?.sync?.status === 'Synced', 120);
  await expect(page.getByText('ComparisonError')).toHaveCount(0);
  await expect(health(page, 'api-dev', 'Healthy')).toBeVisible({ timeout: 60_000 });
});

test('an ApplicationSet that cannot make its Applications is told, with what Argo CD says', async ({ page }) => {
  const file = join(lab.folder, 'tmp/broken-set.json');
  const repoURL = 'file:///no/such/repository.git';
  const source = { repoURL, path: '{{path}}', targetRevision: 'main' };
  await writeFile(file, JSON.stringify({
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'ApplicationSet',
    metadata: { name: 'broken-set', namespace: 'argocd' },
    spec: {
      generators: [{ git: { repoURL, revision: 'main', directories: [{ path: '*' }] } }],
      template: { metadata: { name: '{{path.basename}}' }, spec: { project: 'default', source, destination: { name: 'dev', namespace: 'x' } } },
    },
  }));
  await open(page, '/applications');
  const head = page.locator('summary').getByText(/^\d+ objects? /);
  const warning = page.getByText('ApplicationSet argocd/broken-set');
  await kubectl('mgmt', 'apply', '-f', file);
  try {
    await expect(warning).toHaveCount(1, { timeout: 60_000 });
    await head.click();
    await expect(warning).toBeVisible();
    await expect(page.getByText(/It cannot make its Applications as they should be: .+/)).toBeVisible();
  } finally {
    await kubectl('mgmt', 'delete', '-f', file);
  }
  await expect(warning).toHaveCount(0);
});

interface Trouble {
  noticed?: number;
  breakIt: () => Promise<unknown>;
  whileBroken?: () => Promise<unknown>;
  mendIt: () => Promise<unknown>;
}

// One page shows the clusters, another the Applications of the broken one; neither is loaded again.
async function notGreenWhile(clusters: Page, list: Page, cluster: string, why: RegExp, trouble: Trouble) {
  const application = `web-app-${cluster}`;
  await open(clusters, '/clusters');
  await open(list, `/applications?q=${application}`);
  await expect(row(clusters, cluster)).toContainText('Live');
  await expect(row(list, application)).toContainText('Healthy');
  await trouble.breakIt();
  try {
    const timeout = trouble.noticed ?? NOTICED;
    await expect(row(clusters, cluster)).toContainText(/Unreachable|Stale/, { timeout });
    await expect(row(clusters, cluster)).toContainText(why);
    await expect(row(list, application)).toContainText(/Unreachable|Stale/, { timeout: 5_000 });
    await expect(row(list, application)).not.toContainText('Healthy');
    await trouble.whileBroken?.();
  } finally {
    await trouble.mendIt();
  }
  await expect(row(clusters, cluster)).toContainText('Live', { timeout: 60_000 });
  await expect(row(list, application)).toContainText('Healthy', { timeout: 60_000 });
}

const row = (page: Page, name: string) => page.getByRole('row', { name: new RegExp(`\\b${name}\\b`) }).first();

const health = (page: Page, _application: string, word: string) => page.getByRole('main').getByText(word, { exact: true }).first();
