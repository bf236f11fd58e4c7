import { defineConfig } from '@playwright/test';
import config from './playwright.config.ts';

/** Pictures of the running demo: `npm --prefix end2end run screenshots`. */
export default defineConfig({
  testDir: './shots',
  outputDir: './test-results',
  workers: 1,
  use: { ...config.use, baseURL: process.env.BASE_URL ?? 'http://127.0.0.1:3000', storageState: undefined, screenshot: 'off', trace: 'off' },
});
