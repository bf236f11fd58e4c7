// Child processes that are waited for.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a program to its end and returns what it printed; throws with its error output where it fails. */
export async function run(program: string, args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const { stdout } = await execute(program, args, { maxBuffer: 64 * 1024 * 1024, timeout: 120_000, ...options });
  return stdout;
}

/** Waits until a condition holds; `what` says in the failure what did not come. */
export async function until(what: string, condition: () => Promise<unknown>, seconds = 30) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    if (await condition().catch(() => false)) return;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
