// A second Quarterdeck beside the one under test, on the same lab and with settings of its own.

import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
    env: { ...process.env, KUBECONFIG: join(lab.folder, 'kubeconfig'), ...environment },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await until('the Quarterdeck beside ready', async () => child.exitCode !== null || (await fetch(`${besideURL}/readyz`)).ok, 60);
  if (child.exitCode !== null) throw new Error(`it ended by itself; its log: ${join(state, 'beside.log')}`);
  return async () => {
    child.kill('SIGTERM');
    await exited;
  };
}
