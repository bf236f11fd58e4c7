// Two programs on one database are one Quarterdeck: a session of one is a session of the other, until it ends in either.

import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { besideURL, startBeside } from '../support/beside.ts';
import { expect, signIn, test } from '../support/pages.ts';
import { admin, baseURL, data } from '../support/settings.ts';

test('a session that ends in one replica ends in the other, with its streams', async ({ browser }) => {
  const socket = await realpath(join(data, 'postgres/run'));
  const database = `postgres://quarterdeck@localhost/quarterdeck?host=${encodeURIComponent(socket)}&port=5432`;
  const end = await startBeside('', { DATABASE_URL: database, QUARTERDECK_ADMIN_PASSWORD: admin.password });
  try {
    const context = await browser.newContext({ baseURL, storageState: { cookies: [], origins: [] } });
    const page = await context.newPage();
    await signIn(page);
    // Cookies know no ports: the browser shows the same session to both.
    const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    const asks = async (base: string) => (await fetch(`${base}/api/v1/overview`, { headers: { cookie } })).status;
    await page.goto(`${besideURL}/clusters`);
    await expect(page.getByRole('banner').getByText('Live', { exact: true })).toBeVisible();
    expect([await asks(baseURL), await asks(besideURL)]).toEqual([200, 200]);

    const ended = await fetch(`${baseURL}/auth/logout`, { method: 'POST', headers: { cookie, 'sec-fetch-site': 'same-origin' }, redirect: 'manual' });
    expect(ended.status).toBe(303);
    const patience = { timeout: 2_500 }; // 2 s, and a moment to ask and to draw
    await Promise.all([
      expect.poll(() => asks(besideURL), patience).toBe(401),
      expect(page.getByText('Your session ended.').first()).toBeVisible(patience),
    ]);
    await context.close();
  } finally {
    await end();
  }
});
