// From a change in the cluster to the pixel: changes Applications of the filled fleet at the rate of the budget, and
// times those that an open page of the list shows until the browser has drawn them.

import { expect, test } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { open, signIn } from '../support/pages.ts';

const lab = process.env.LAB_DIR ?? '';
const port = 16443 + Number(process.env.LAB_PORT_OFFSET ?? 0);
const pki = (file: string) => readFileSync(join(lab, 'pki/mgmt', file));
const agent = new Agent({ keepAlive: true, ca: pki('ca.crt'), cert: pki('admin.crt'), key: pki('admin.key') });

const APPLICATIONS = 10_000;
/** 5 % of the fleet a minute, for a minute; every fourth change is of a row that the page shows. */
const CHANGES = APPLICATIONS * 0.05;
const SECONDS = 60;

test('from a change in the cluster to the pixel', async ({ page }) => {
  test.setTimeout(180_000);
  await signIn(page, process.env.QUARTERDECK_ADMIN_PASSWORD);
  await open(page, '/applications?q=app-000&sort=name');
  const shown = await page.getByRole('row').getByRole('link', { name: /^app-000/ }).allInnerTexts();
  expect(shown.length).toBeGreaterThan(20);
  await page.evaluate(() => {
    const drawn: Record<string, number> = {};
    Object.assign(window, { drawn });
    const look = () => {
      for (const [version] of document.body.innerText.matchAll(/pixel-\d+/g)) drawn[version] ??= Date.now();
    };
    // A frame after the change of the document, it is on the screen.
    new MutationObserver(() => requestAnimationFrame(look)).observe(document.body, { subtree: true, childList: true, characterData: true });
  });

  const written: Record<string, number> = {};
  const begin = Date.now();
  for (let n = 0; n < CHANGES; n++) {
    const isShown = n % 4 === 0;
    const name = isShown ? shown[(n / 4) % shown.length]! : `app-${String(100 + n).padStart(4, '0')}-dev`;
    if (isShown) written[`pixel-${n}`] = Date.now();
    await change(name, `registry.example.test/shop/app:pixel-${n}`);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begin + (n * SECONDS * 1000) / CHANGES - Date.now())));
  }
  await page.waitForFunction((last) => last in (window as unknown as { drawn: Record<string, number> }).drawn, Object.keys(written).at(-1)!);
  const drawn = await page.evaluate(() => (window as unknown as { drawn: Record<string, number> }).drawn);
  const took = Object.entries(written).flatMap(([version, at]) => (version in drawn ? [drawn[version]! - at] : []));
  took.sort((a, b) => a - b);
  const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))];
  console.log(`change to pixel, ${CHANGES} changes a minute: median ${at(0.5)} ms, p95 ${at(0.95)} ms, ${took.length} of ${Object.keys(written).length} seen`);
  expect(took.length).toBeGreaterThan(Object.keys(written).length * 0.9);
});

/** Sets the image of an Application, as its controller would. */
function change(name: string, image: string) {
  const body = JSON.stringify({ status: { summary: { images: [image] } } });
  const path = `/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/${name}`;
  return new Promise<void>((resolve, reject) => {
    const headers = { 'Content-Type': 'application/merge-patch+json', 'Content-Length': Buffer.byteLength(body) };
    const asked = request({ host: '127.0.0.1', port, path, method: 'PATCH', agent, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${name}: ${answer.statusCode}`))));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
