import { defineConfig } from '@playwright/test';
import { baseURL, session } from './support/settings.ts';

export default defineConfig({
  testDir: './tests',
  outputDir: './test-results',
  globalSetup: './support/begin.ts',
  globalTeardown: './support/end.ts',
  // One lab, one Quarterdeck: what a test breaks, all of them see.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: true,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  use: {
    baseURL,
    storageState: session,
    locale: 'en-GB',
    timezoneId: 'UTC',
    viewport: { width: 1440, height: 900 },
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
