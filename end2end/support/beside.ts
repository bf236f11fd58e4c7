// A second Quarterdeck beside the one under test, on the same lab and with settings of its own.

import type { Browser, BrowserContextOptions, Page } from '@playwright/test';
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { labCommand } from './lab.ts';
import { expect, test as base } from './pages.ts';
import { until } from './processes.ts';
import { data, lab, program, state } from './settings.ts';

/** Dex sends people back to this address, too. */
export const besideURL = 'http://127.0.0.1:3101';

/** Starts it with these settings, TOML; returns what ends it. */
export async function startBeside(settings: string, environment: NodeJS.ProcessEnv = {}) {
  await mkdir(state, { recursive: true });
  const config = join(state, 'beside.toml');
  await writeFile(config, settings);
  const log = openSync(join(state, 'beside.log'), 'a');
  const child = spawn(program, ['serve', '--config', config, '--listen', new URL(besideURL).host, '--context', 'mgmt', '--data-dir', `${data}-beside`], {
    stdio: ['ignore', log, log],
    env: { ...process.env, KUBECONFIG: join(lab.folder, 'kubeconfig'), QUARTERDECK_ALLOW_FILE_REPOSITORIES: 'true', ...environment },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await until('the Quarterdeck beside ready', async () => child.exitCode !== null || (await fetch(`${besideURL}/readyz`)).ok, 60);
  if (child.exitCode !== null) throw new Error(`it ended by itself; its log: ${join(state, 'beside.log')}`);
  return async () => {
    child.kill('SIGTERM');
    await exited;
  };
}

/** Tests of a Quarterdeck whose people sign in through the lab's Dex. */
export const test = base.extend<object, { settings: string; beside: string }>({
  // More of its TOML; tests with other settings get a program of their own.
  settings: ['', { option: true, scope: 'worker' }],
  beside: [
    async ({ settings }, use) => {
      const issuer = /^export LAB_DEX_URL='(.*)'$/m.exec(await labCommand('env'))?.[1] ?? '';
      const end = await startBeside(
        `[sign_in]
notice = "Of the browser suite."
[[sign_in.providers]]
id = "dex"
name = "Dex"
issuer = "${issuer}"
client_id = "quarterdeck"
${settings}`,
        { QUARTERDECK_CLIENT_SECRET_DEX: 'quarterdeck-secret', QUARTERDECK_ADMIN_PASSWORD: 'a password that is off' },
      );
      await use(besideURL);
      await end();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
});

/** Signs in through Dex and comes back to `path`. */
export async function signInAs(page: Page, who: string, path = '/') {
  await page.goto(path);
  await signInThroughDex(page, who);
  await expect(page).toHaveURL(`${besideURL}${path}`);
}

/** A browser of somebody's own, signed in. */
export async function personOf(browser: Browser, who: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ baseURL: besideURL, storageState: { cookies: [], origins: [] }, ...options });
  const page = await context.newPage();
  await signInAs(page, who);
  return page;
}

/** From the sign-in page on, of whichever Quarterdeck. */
export async function signInThroughDex(page: Page, who: string) {
  await page.getByRole('link', { name: 'Continue with Dex' }).click();
  await page.getByLabel(/email/i).fill(`${who}@quarterdeck.test`);
  await page.getByLabel(/password/i).fill('password');
  await page.getByRole('button', { name: /log ?in/i }).click();
}
