import { defineConfig } from '@playwright/test';
import config from './playwright.config.ts';

/** What `end2end/scale/run` measures in a browser. */
export default defineConfig({
  testDir: './scale',
  outputDir: './test-results',
  workers: 1,
  use: { ...config.use, baseURL: process.env.QUARTERDECK_URL, storageState: undefined, screenshot: 'off', trace: 'off' },
});
