// The API answers as its own description says.

import { Ajv2020 } from 'ajv/dist/2020.js';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '../support/pages.ts';

interface Description {
  paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, { schema: object }> }> }>>;
  components: { schemas: Record<string, object> };
}

test('every answer has the shape that the description gives it', async ({ page }) => {
  const description = (await (await page.request.get('/api/v1/openapi.json')).json()) as Description;
  const ajv = new Ajv2020({ strict: false, validateFormats: false, schemas: [{ $id: 'api', components: description.components }] });
  const problems = (schema: object, answer: unknown) => {
    const local = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"api#/components')) as object;
    const validate = ajv.compile(local);
    return validate(answer) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
  const answers: [string, string, string, object?][] = [];
  for (const [surface = '', asked = ''] of (await readFile(join(import.meta.dirname, '../surfaces.tsv'), 'utf8')).split('\n').map((line) => line.split('\t'))) {
    const [kind, method = '', path = ''] = surface.split(' ');
    if (kind === 'API' && method === 'GET') answers.push([method, path, asked]);
  }
  expect(answers.length).toBeGreaterThan(9);
  const application = '/api/v1/applications/{control_plane}/{namespace}/{name}';
  answers.push(['POST', `${application}/refresh`, '/api/v1/applications/mgmt/argocd/web-app-dev/refresh', {}]);
  const events = (await (await page.request.get('/api/v1/audit')).json()) as { events: { id: string }[] };
  answers.push(['GET', '/api/v1/audit/{id}', `/api/v1/audit/${events.events[0]?.id}`]);

  for (const [method, path, asked, data] of answers) {
    const answer = await page.request.fetch(asked, { method, ...(data && { data }) });
    const described = description.paths[path]?.[method.toLowerCase()]?.responses[String(answer.status())];
    expect(described, `${method} ${path} has no answer ${answer.status()} in the description`).toBeDefined();
    const [schema] = Object.values(described?.content ?? {}).map((it) => it.schema);
    expect(problems(schema ?? {}, await answer.json()), `${method} ${asked}`).toEqual([]);
  }
  expect(problems({ $ref: '#/components/schemas/Overview' }, {}).length, 'the check itself finds what is missing').toBeGreaterThan(0);
});
