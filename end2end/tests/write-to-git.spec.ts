// Changes on the lab, by clicks: promoted, approved, rolled out, rolled back; held and frozen; by several people at once.
// By its name it comes last: it changes what the other tests look at.

import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { besideURL, personOf, test } from '../support/beside.ts';
import { becomes, release, runs } from '../support/lab.ts';
import { expect, open } from '../support/pages.ts';

test.use({
  storageState: { cookies: [], origins: [] },
  baseURL: besideURL,
  settings: `
[[environments]]
name = "dev"
[[environments]]
name = "staging"
[[environments]]
name = "prod"
approvals = 1
[repositories]
fetch_seconds = 10
`,
});

// What Argo CD and a cluster need to take a commit, and then some.
const rollout = { timeout: 60_000 };

/** Plans the promotion of apps, and ends on the page of the plan. */
async function plan(page: Page, apps: string[], from: string, to: string) {
  await page.goto(`/plans?${apps.map((app) => `apps=${app}`).join('&')}&from=${from}&to=${to}`);
  await page.getByRole('button', { name: /^Plan the promotion/ }).click();
  await expect(page).toHaveURL(/\/plans\/[0-9a-f]{64}$/, { timeout: 30_000 });
}

/** Carries out the plan that is shown; returns the number of the change. */
async function carryOut(page: Page, button: string | RegExp, { reason = '', environment = '' } = {}) {
  if (reason) await page.getByLabel(/^Reason, for the record/).fill(reason);
  if (environment) await page.getByLabel(new RegExp(`^Type ${environment}`)).fill(environment);
  await expect(page.getByRole('button', { name: button })).toBeVisible();
  const unrendered = page.getByRole('checkbox', { name: /go on/i });
  if (await unrendered.isVisible()) await unrendered.check();
  await page.getByRole('button', { name: button }).click();
  await expect(page).toHaveURL(/\/changes\/\d+/, { timeout: 20_000 });
  return Number(/\/changes\/(\d+)/.exec(page.url())?.[1]);
}

const steps = (page: Page) => page.getByRole('list').filter({ hasText: 'Planned' }).first();

async function ends(page: Page, word: string) {
  await expect(page.locator('.page-head').getByText(word, { exact: true }).first()).toBeVisible(rollout);
}

async function isAccessible(page: Page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  expect(serious.map(({ id, nodes }) => ({ id, where: nodes.map(({ target }) => target.join(' ')) }))).toEqual([]);
}

test('web-app goes from dev to staging to prod by clicks, with an approval, and runs there', async ({ browser, beside }) => {
  test.setTimeout(240_000);
  expect(beside).toBe(besideURL);
  await becomes('web-app-dev', 'Synced', 'Healthy');
  const bob = await personOf(browser, 'bob');
  await plan(bob, ['web-app'], 'dev', 'staging');
  await carryOut(bob, 'Promote web-app to staging');
  await ends(bob, 'Done');
  await expect(steps(bob)).toContainText('Soaked');
  await expect(bob.getByRole('main')).toContainText('Quarterdeck-Token: ');
  await isAccessible(bob);
  await becomes('web-app-staging', 'Synced', 'Healthy');

  const dave = await personOf(browser, 'dave');
  await plan(dave, ['web-app'], 'staging', 'prod');
  await expect(dave.getByRole('main')).toContainText('Approval');
  const change = await carryOut(dave, 'Promote web-app to prod', { reason: 'Release 48', environment: 'prod' });
  await ends(dave, 'Awaiting approval');

  const alice = await personOf(browser, 'alice');
  await alice.goto('/waiting');
  await expect(alice.getByRole('main')).toContainText('Release 48');
  await isAccessible(alice);
  await alice.getByRole('link', { name: /^Review and approve/ }).first().click();
  await expect(alice).toHaveURL(new RegExp(`/changes/${change}`));
  await alice.getByLabel(/^Type prod/).fill('prod');
  await alice.getByRole('button', { name: /^Approve/ }).click();
  // Prod does not follow Git by itself: Quarterdeck syncs it to this very commit.
  await ends(dave, 'Done');
  await becomes('web-app-prod', 'Synced', 'Healthy');
  await alice.goto('/changes');
  await expect(alice.getByRole('row', { name: new RegExp(`Promote web-app.*${change}`, 's') }).first()).toContainText('Done');
  await isAccessible(alice);
  await alice.goto('/audit');
  await expect(alice.getByRole('main')).toContainText('approve');
});

test('a bad version is rolled back by a click, and the next train sees the hold', async ({ browser, beside }) => {
  test.setTimeout(240_000);
  expect(beside).toBe(besideURL);
  await release('catalog', 'staging', 'crash-3.9.0');
  const bob = await personOf(browser, 'bob');
  await becomes('catalog-staging', 'Synced', 'Degraded', 90);
  // Three clicks from the matrix to any earlier state: the cell's button, the state, the button that does it.
  await open(bob, '/matrix');
  await bob.locator('a.cell[href="/apps/catalog#staging"]').hover();
  await bob.getByRole('button', { name: 'More of catalog in staging' }).click();
  await bob.getByRole('region', { name: 'Earlier states' }).getByRole('link', { name: /3\.8\.0/ }).first().click();
  await expect(bob).toHaveURL(/\/apps\/catalog\/staging\/rollback\?to=/);
  await bob.getByLabel(/^Reason, for the record/).fill('Pods crash');
  await carryOut(bob, /^Roll back catalog to 3\.8\.0 in staging/);
  await ends(bob, 'Done');
  await becomes('catalog-staging', 'Synced', 'Healthy');

  await bob.goto('/freezes');
  await expect(bob.getByRole('region', { name: 'Holds', exact: true })).toContainText('Pods crash');
  await isAccessible(bob);
  await plan(bob, ['catalog', 'api'], 'dev', 'staging');
  await expect(bob.getByRole('main')).toContainText(/held at 3\.8\.0 by bob/i);

  await bob.goto('/freezes');
  await bob.getByRole('row', { name: /catalog/ }).getByText('Release…').click();
  await bob.getByRole('button', { name: /^Release the hold/ }).click();
  await expect(bob.getByRole('region', { name: 'Holds', exact: true })).not.toContainText('Pods crash');
});

test('different apps at once are two changes; the same app at once is one', async ({ browser, beside }) => {
  test.setTimeout(240_000);
  expect(beside).toBe(besideURL);
  const [bob, alice] = [await personOf(browser, 'bob'), await personOf(browser, 'alice')];
  await plan(bob, ['api'], 'dev', 'staging');
  await plan(alice, ['gateway'], 'dev', 'staging');
  const [first, second] = await Promise.all([
    carryOut(bob, 'Promote api to staging'),
    carryOut(alice, 'Promote gateway to staging'),
  ]);
  expect(first).not.toBe(second);
  await Promise.all([ends(bob, 'Done'), ends(alice, 'Done')]);

  await runs('api-dev', await release('api', 'dev', '2.2.0'));
  await plan(bob, ['api'], 'dev', 'staging');
  await alice.goto(bob.url());
  const [one, other] = await Promise.all([
    carryOut(bob, 'Promote api to staging'),
    carryOut(alice, 'Promote api to staging'),
  ]);
  expect(one).toBe(other);
  await ends(bob, 'Done');
});

test('a freeze that begins while a change waits holds it until it ends', async ({ browser, beside }) => {
  test.setTimeout(240_000);
  expect(beside).toBe(besideURL);
  const [dave, alice] = [await personOf(browser, 'dave'), await personOf(browser, 'alice')];
  await plan(dave, ['auth'], 'staging', 'prod');
  const change = await carryOut(dave, 'Promote auth to prod', { reason: 'Passkeys', environment: 'prod' });
  await ends(dave, 'Awaiting approval');

  await alice.goto('/freezes');
  await alice.getByLabel('Environment').first().selectOption('prod');
  const later = new Date(Date.now() + 3600_000).toISOString().slice(0, 16);
  await alice.getByLabel('Until', { exact: true }).fill(later);
  await alice.getByLabel('Reason, shown to everyone').first().fill('Quarter-end close');
  await alice.getByRole('button', { name: 'Create the freeze' }).click();
  await expect(alice.getByRole('region', { name: 'Freezes', exact: true })).toContainText('Quarter-end close');
  await alice.goto('/');
  await expect(alice.getByText(/prod is frozen/).first()).toBeVisible();

  await alice.goto(`/changes/${change}`);
  await alice.getByLabel(/^Type prod/).fill('prod');
  await alice.getByRole('button', { name: /^Approve/ }).click();
  await ends(dave, 'Waiting');
  await expect(dave.getByRole('main')).toContainText('Quarter-end close');

  await alice.goto('/freezes');
  await alice.getByRole('row', { name: /Quarter-end close/ }).getByText('End…').click();
  await alice.getByRole('button', { name: /^End the freeze/ }).click();
  await ends(dave, 'Done');
  await becomes('auth-prod', 'Synced', 'Healthy');
});

test('who lacks the right is told so, and a change can be cancelled', async ({ browser, beside }) => {
  test.setTimeout(120_000);
  expect(beside).toBe(besideURL);
  const [bob, dave] = [await personOf(browser, 'bob'), await personOf(browser, 'dave')];
  await plan(bob, ['media'], 'staging', 'prod');
  await expect(bob.getByRole('main')).toContainText('needs promotions/create');
  await expect(bob.getByRole('button', { name: 'Promote media to prod' })).toBeDisabled();
  await dave.goto(bob.url());
  const change = await carryOut(dave, 'Promote media to prod', { reason: 'New ingest', environment: 'prod' });
  await dave.getByText('Cancel…').click();
  await dave.getByRole('button', { name: `Cancel change ${change}` }).click();
  await ends(dave, 'Cancelled');
  await dave.goto('/changes');
  await expect(dave.getByRole('row', { name: new RegExp(`Promote media.*${change}`, 's') }).first()).toContainText('Cancelled');
});

test('a commit from outside against a hold is told', async ({ browser, beside }) => {
  test.setTimeout(120_000);
  expect(beside).toBe(besideURL);
  const alice = await personOf(browser, 'alice');
  await alice.goto('/freezes?hold=media&environment=dev#hold');
  await alice.getByLabel('Reason, shown to everyone').last().fill('Encoder waits');
  await alice.getByRole('button', { name: 'Place the hold' }).click();
  const holds = alice.getByRole('region', { name: 'Holds', exact: true });
  await expect(holds).toContainText('Encoder waits');
  // What is there when the hold is seen first is what it holds; the next commit goes against it.
  let build = 0;
  await expect(async () => {
    build += 1;
    await release('media', 'dev', `5.2.9-${build}`);
    await expect(holds).toContainText('Changed from outside all the same', { timeout: 20_000 });
  }).toPass({ timeout: 90_000 });
  await holds.getByText('Release…').click();
  await alice.getByRole('button', { name: /^Release the hold/ }).click();
  await expect(holds).not.toContainText('Encoder waits');
});

test('without JavaScript: promote, approve, roll back', async ({ browser, beside }) => {
  test.setTimeout(240_000);
  expect(beside).toBe(besideURL);
  const dave = await personOf(browser, 'dave', { javaScriptEnabled: false });
  const alice = await personOf(browser, 'alice', { javaScriptEnabled: false });
  await plan(dave, ['api'], 'staging', 'prod');
  const change = await carryOut(dave, 'Promote api to prod', { reason: 'Without scripts', environment: 'prod' });
  await alice.goto(`/changes/${change}`);
  await alice.getByLabel(/^Type prod/).fill('prod');
  await alice.getByRole('button', { name: /^Approve/ }).click();
  const done = async (page: Page, number: number) =>
    expect(async () => {
      await page.goto(`/changes/${number}`);
      await expect(page.locator('.page-head').getByText('Done', { exact: true }).first()).toBeVisible({ timeout: 500 });
    }).toPass(rollout);
  await done(dave, change);
  await dave.goto('/apps/api/prod/rollback');
  await dave.getByRole('region', { name: '1. Choose a revision' }).getByRole('link', { name: /2\.0\.1/ }).first().click();
  await dave.getByLabel(/^Reason, for the record/).fill('Back again');
  await dave.getByLabel(/^Type prod/).fill('prod');
  const back = await carryOut(dave, /^Roll back api to 2\.0\.1 in prod/);
  await done(dave, back);
});
