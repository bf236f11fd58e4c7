// Acting by a click on a real Argo CD: sync, refresh, terminate; what is refused, and what outlives a kill.

import { application, becomes, kubectl, refresh, release, type Application } from '../support/lab.ts';
import { expect, mark, open, pageOf, test } from '../support/pages.ts';
import { until } from '../support/processes.ts';
import { end, start } from '../support/quarterdeck.ts';
import type { Page } from '@playwright/test';

test.describe.configure({ timeout: 180_000 });

test('an Application goes out of sync by a commit, is synced by a click and turns healthy, without a reload', async ({ page }) => {
  await open(page, pageOf('gateway-staging'));
  const marked = await mark(page);
  await sync(page, 'gateway-staging');
  await expect(fact(page, 'Sync')).toContainText('Synced');

  const commit = await release('gateway', 'staging', '1.22.0');
  await page.getByRole('button', { name: 'Refresh', exact: true }).click();
  await expect(fact(page, 'Sync')).toContainText('Out of sync');

  await sync(page, 'gateway-staging');
  await expect(fact(page, 'Sync')).toContainText('Synced');
  await expect(fact(page, 'Health')).toContainText('Healthy');
  await expect(fact(page, 'Revision')).toContainText('1.22.0');
  await expect(fact(page, 'Revision')).toContainText(commit.slice(0, 7));
  await expect(history(page, commit, 'succeeded')).toHaveCount(1);
  expect(await marked.stillThere(), 'the page was not loaded again').toBe(true);

  const { status } = await application('gateway-staging');
  expect(status?.operationState?.operation?.initiatedBy?.username).toBe('admin');
  await expect.poll(() => eventsOf('gateway-staging'), { message: 'kubectl shows who acted' }).toContain('admin initiated sync to main');
});

test('selected resources are synced alone', async ({ page }) => {
  await becomes('gateway-prod', 'OutOfSync', 'Healthy');
  await open(page, pageOf('gateway-prod'));
  await page.getByRole('link', { name: 'Sync…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('checkbox', { name: 'Deployment/gateway' }).check();
  await dialog.getByLabel(/Type prod/).fill('prod');
  await dialog.getByRole('button', { name: 'Sync gateway-prod' }).click();
  await expect(dialog).toBeHidden();
  await expect(fact(page, 'Sync')).toContainText('Synced');
  const operation = (await application('gateway-prod')).status?.operationState?.operation as { sync?: { resources?: { name: string }[] } };
  expect(operation.sync?.resources?.map(({ name }) => name)).toEqual(['gateway']);
});

test('a protected environment is named and has to be typed', async ({ page }) => {
  await release('api', 'prod', '2.1.0');
  await refresh('api-prod');
  await open(page, pageOf('api-prod'));
  await expect(fact(page, 'Sync')).toContainText('Out of sync');
  await page.getByRole('link', { name: 'Sync…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Sync api-prod on prod?' });
  const button = dialog.getByRole('button', { name: 'Sync api-prod' });
  const field = dialog.getByLabel(/Type prod/);
  await expect(button).toBeDisabled();
  await field.fill('staging');
  await expect(button).toBeDisabled();
  await field.press('Enter');
  await field.fill('prod');
  await button.click();
  await expect(dialog).toBeHidden();
  await expect(fact(page, 'Sync')).toContainText('Synced');
  await expect(fact(page, 'Health')).toContainText('Healthy');
});

test('what was not typed in the browser is refused by the server', async ({ page, baseURL }) => {
  await page.goto(pageOf('web-app-prod'));
  const before = await application('web-app-prod');
  const answer = await page.request.post('/fn/sync_application', {
    form: { control_plane: 'mgmt', namespace: 'argocd', name: 'web-app-prod', typed_environment: 'staging' },
    headers: { Accept: 'application/json', Origin: baseURL ?? '' },
  });
  expect(answer.ok()).toBe(false);
  expect(await answer.text()).toContain('prod');
  expectUntouched(await application('web-app-prod'), before);
});

test('a denied window refuses a sync, and says which', async ({ page, baseURL }) => {
  await open(page, pageOf('ledger-prod'));
  await expect(page.getByText(/Sync window: denied/).first()).toBeVisible();
  await page.getByRole('link', { name: 'Sync…' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('It would be refused now');
  await expect(dialog).toContainText('payments');
  await dialog.getByLabel(/Type prod/).fill('prod');
  await expect(dialog.getByRole('button', { name: 'Sync ledger-prod' })).toBeDisabled();

  const before = await application('ledger-prod');
  const answer = await page.request.post('/fn/sync_application', {
    form: { control_plane: 'mgmt', namespace: 'argocd', name: 'ledger-prod', typed_environment: 'prod' },
    headers: { Accept: 'application/json', Origin: baseURL ?? '' },
  });
  expect(answer.status()).toBe(409);
  expectUntouched(await application('ledger-prod'), before);
});

test.describe('at once', () => {
  // The browser reports the refusal as it reports every 409.
  test.use({ expected: [/409 \(Conflict\)/] });

  test('of two people who sync at once one does, and the other is told', async ({ page, context }) => {
    await slowRelease('6.0.0');
    const other = await context.newPage();
    for (const each of [page, other]) {
      await open(each, `${pageOf('media-prod')}?sync=1`);
      await each.getByRole('dialog').getByLabel(/Type prod/).fill('prod');
    }
    const buttons = [page, other].map((each) => each.getByRole('dialog').getByRole('button', { name: 'Sync media-prod' }));
    await Promise.all(buttons.map((button) => button.click()));
    await running('media-prod');
    const refused = async () => (await page.getByText('The sync was refused').count()) + (await other.getByText('The sync was refused').count());
    await expect.poll(refused, { message: 'one of the two is told' }).toBe(1);
    await other.close();
    await settled('media-prod');
  });
});

test('a running operation is terminated by a click', async ({ page }) => {
  await slowRelease('6.1.0');
  await open(page, pageOf('media-prod'));
  await sync(page, 'media-prod', 'prod');
  await expect(page.getByText('waiting here')).toBeVisible();
  await page.getByText('Terminate operation…').click();
  await page.getByRole('button', { name: 'Terminate the operation' }).click();
  await expect(lastOperation(page)).toContainText('Failed');
  await expect(lastOperation(page)).toContainText(/terminated/i);
  expect((await application('media-prod')).status?.operationState?.phase).toBe('Failed');
});

test.describe('killed', () => {
  // The browser says what it cannot reach while Quarterdeck is away.
  test.use({ expected: [/ERR_|Failed to load|EventSource/] });

  test('a sync outlives the kill of Quarterdeck, and is in the history once, with its end', async ({ page }) => {
    const commit = await slowRelease('6.2.0');
    await open(page, pageOf('media-prod'));
    await sync(page, 'media-prod', 'prod');
    await running('media-prod');
    await end('SIGKILL');
    await expect(page.getByRole('banner').getByText(/^Stale/)).toBeVisible();
    await settled('media-prod');
    await start();
    await expect(page.getByRole('banner').getByText('Live', { exact: true })).toBeVisible({ timeout: 40_000 });
    await expect(history(page, commit, 'succeeded')).toHaveCount(1);
    await expect(history(page, commit, 'running')).toHaveCount(0);
    await page.reload();
    await expect(history(page, commit, 'succeeded')).toHaveCount(1);
  });
});

test.afterAll(async () => {
  await release('media', 'prod', '5.1.9').catch(() => undefined);
});

/** Syncs by the dialog, as a person does. */
async function sync(page: Page, name: string, environment?: string) {
  await page.getByRole('link', { name: 'Sync…' }).click();
  const dialog = page.getByRole('dialog');
  if (environment) await dialog.getByLabel(`Type ${environment}`).fill(environment);
  await dialog.getByRole('button', { name: `Sync ${name}` }).click();
  await expect(dialog).toBeHidden();
}

// Its pods are ready after 20 s only, and its report waits for them: long enough to come in between.
async function slowRelease(version: string) {
  const commit = await release('media', 'prod', `slow-${version}`);
  await refresh('media-prod');
  await until('media-prod is compared with the commit', async () => (await application('media-prod')).status?.sync?.revision === commit);
  return commit;
}

const running = (name: string) =>
  until(`a running operation of ${name}`, async () => (await application(name)).status?.operationState?.phase === 'Running');

const settled = (name: string) =>
  until(`the end of the operation of ${name}`, async () => {
    const { operation, status } = await application(name);
    return operation === undefined && status?.operationState?.phase === 'Succeeded';
  }, 90);

const eventsOf = (name: string) =>
  kubectl('mgmt', '-n', 'argocd', 'get', 'events', '--field-selector', `involvedObject.name=${name},reason=OperationStarted`, '-o', 'jsonpath={.items[*].message}');

function expectUntouched(now: Application, before: Application) {
  expect(now.operation).toBeUndefined();
  expect(now.status?.operationState?.startedAt).toBe(before.status?.operationState?.startedAt);
}

const fact = (page: Page, label: string) => page.getByRole('main').locator('.card').first().locator('div', { has: page.getByText(label, { exact: true }) }).first();

const lastOperation = (page: Page) => page.getByRole('region', { name: 'Last operation' });

const history = (page: Page, commit: string, end: string) =>
  page.getByRole('region', { name: 'History' }).getByRole('row').filter({ hasText: `Sync ${end}` }).filter({ hasText: commit.slice(0, 7) });
