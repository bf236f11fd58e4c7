// Before all tests: Quarterdeck runs, and somebody is signed in.

import { chromium, type FullConfig } from '@playwright/test';
import { rm } from 'node:fs/promises';
import { signIn } from './pages.ts';
import { end, logFile, start } from './quarterdeck.ts';
import { baseURL, session } from './settings.ts';

export default async function begin(config: FullConfig) {
  await end('SIGTERM');
  await rm(logFile, { force: true });
  await start();
  const browser = await chromium.launch(config.projects[0]?.use.launchOptions);
  const page = await browser.newPage({ baseURL });
  await signIn(page);
  await page.context().storageState({ path: session });
  await browser.close();
}
