// Who gets what where: every surface of the table, asked by everybody.

import type { APIRequestContext, Browser } from '@playwright/test';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { besideURL, signInAs, test } from '../support/beside.ts';
import { expect } from '../support/pages.ts';

const actors = ['anonymous', 'ended', 'revoked', 'token', 'carol', 'bob', 'dave', 'alice'] as const;
type Actor = (typeof actors)[number];
const nobody = { cookies: [], origins: [] };

test.use({ storageState: nobody, baseURL: besideURL });

test('every surface answers each actor as the table says', async ({ browser, playwright, beside }) => {
  test.setTimeout(240_000);
  const headers = await credentials(browser, (token) =>
    playwright.request.newContext({ baseURL: beside, extraHTTPHeaders: { authorization: `Bearer ${token}` } }),
  );
  const wrong: string[] = [];
  for (const { surface, asked, expected } of await table()) {
    const statuses = await Promise.all(actors.map((actor) => ask(beside, surface, asked, headers[actor])));
    actors.forEach((actor, at) => {
      if (statuses[at] !== expected[at]) wrong.push(`${surface} for ${actor}: ${statuses[at]}, and the table says ${expected[at]}`);
    });
  }
  expect(wrong).toEqual([]);
});

async function table() {
  const text = await readFile(join(import.meta.dirname, '../surfaces.tsv'), 'utf8');
  const [head, ...rows] = text.trim().split('\n').filter((line) => !line.startsWith('#')).map((line) => line.split('\t'));
  expect(head?.slice(2), 'the columns of the table').toEqual([...actors]);
  return rows.map(([surface = '', asked = '', ...expected]) => ({ surface, asked, expected: expected.map(Number) }));
}

/** What each actor sends along. Signing out and revoking are done here, with the real forms. */
async function credentials(browser: Browser, program: (token: string) => Promise<APIRequestContext>): Promise<Record<Actor, Record<string, string>>> {
  const cookie = async (who: string, then: (request: APIRequestContext) => Promise<unknown> = async () => {}) => {
    const context = await browser.newContext({ baseURL: besideURL, storageState: nobody });
    await signInAs(await context.newPage(), who);
    const cookies = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    await then(context.request);
    await context.close();
    return { cookie: cookies };
  };
  const token = async (request: APIRequestContext) => {
    const made = await request.post('/api/v1/tokens', { data: { name: `of surfaces ${Date.now()}`, scopes: ['applications, get, dev/*'], days: 1 } });
    expect(made.status(), await made.text()).toBe(200);
    return (await made.json()) as { token: string; row: { id: string } };
  };
  let living = '';
  let revoked = '';
  const bob = await cookie('bob', async (request) => {
    living = (await token(request)).token;
    const short = await token(request);
    revoked = short.token;
    expect((await request.delete(`/api/v1/tokens/${short.row.id}`)).status()).toBe(200);
  });
  const ended = await cookie('bob', (request) => request.post('/auth/logout', { headers: { 'sec-fetch-site': 'same-origin' } }));
  const dead = await program(revoked);
  await expect.poll(async () => (await dead.get('/api/v1/overview')).status()).toBe(401);
  await dead.dispose();
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  return {
    anonymous: {},
    ended,
    revoked: bearer(revoked),
    token: bearer(living),
    carol: await cookie('carol'),
    bob,
    dave: await cookie('dave'),
    alice: await cookie('alice'),
  };
}

/** Asks once; returns the status, of a stream the one of what it sends first. */
async function ask(base: string, surface: string, asked: string, credentials: Record<string, string>): Promise<number> {
  const [kind = '', method = ''] = surface.split(' ');
  const [path = '', ...rest] = asked.split(' ');
  const body = rest.join(' ');
  // A browser asks for pages as such; what calls the rest is no page.
  const accept = kind === 'PAGE' ? 'text/html' : 'application/json';
  const type = kind === 'API' ? 'application/json' : 'application/x-www-form-urlencoded';
  const write = ['POST', 'DELETE'].includes(method);
  const stop = new AbortController();
  const answer = await fetch(base + path, {
    method: write ? method : 'GET',
    headers: { ...credentials, accept, 'sec-fetch-site': 'same-origin', ...(method === 'POST' && { 'content-type': type }) },
    ...(method === 'POST' && { body }),
    redirect: 'manual',
    signal: stop.signal,
  });
  const status = answer.headers.get('content-type') === 'text/event-stream' ? await firstOf(answer) : answer.status;
  stop.abort();
  return status;
}

async function firstOf(stream: Response): Promise<number> {
  let text = '';
  for await (const part of stream.body ?? []) {
    text += new TextDecoder().decode(part as Uint8Array);
    if (/^event: ?content$/m.test(text)) return 200;
    if (/^event: ?failed$/m.test(text)) return text.includes('"not_found"') ? 404 : 500;
  }
  return 0;
}
