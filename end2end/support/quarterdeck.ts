// The Quarterdeck under test: started, killed, stopped. Its pid lies in a file, so that scripts/test finds it, too.

import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { admin, baseURL, data, lab, program, state } from './settings.ts';
import { until } from './processes.ts';

const pidFile = join(state, 'quarterdeck.pid');
export const logFile = join(state, 'quarterdeck.log');

/** Starts Quarterdeck on the lab and waits until it is ready. */
export async function start() {
  await mkdir(state, { recursive: true });
  const log = openSync(logFile, 'a');
  const child = spawn(program, ['serve', '--listen', new URL(baseURL).host, '--context', 'mgmt', '--data-dir', data], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, KUBECONFIG: join(lab.folder, 'kubeconfig'), QUARTERDECK_ADMIN_PASSWORD: admin.password, QUARTERDECK_ALLOW_FILE_REPOSITORIES: 'true' },
  });
  child.unref();
  if (child.pid === undefined) throw new Error(`${program} does not start`);
  await writeFile(pidFile, `${child.pid} ${startedAt(child.pid)}\n`);
  const gone = () => startedAt(child.pid ?? 0) === undefined;
  await until('Quarterdeck ready', async () => gone() || (await fetch(`${baseURL}/readyz`)).ok, 60);
  if (gone()) throw new Error(`Quarterdeck ended by itself; its log: ${logFile}`);
}

/** Ends Quarterdeck with this signal and waits until it is gone. */
export async function end(signal: 'SIGTERM' | 'SIGKILL') {
  const [pid, begun] = (await readFile(pidFile, 'utf8').catch(() => '')).trim().split(' ');
  const runs = () => pid !== undefined && begun !== undefined && startedAt(Number(pid)) === begun;
  if (runs()) process.kill(Number(pid), signal);
  await until('Quarterdeck gone', async () => !runs(), 30);
  await rm(pidFile, { force: true });
}

// The start time tells a process from a later one with the same pid; a zombie counts as gone.
function startedAt(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
