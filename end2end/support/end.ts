// After all tests: nothing of ours runs, and the log names no panic.

import { readFile } from 'node:fs/promises';
import { end, logFile } from './quarterdeck.ts';

export default async function finish() {
  await end('SIGTERM');
  const panics = (await readFile(logFile, 'utf8')).split('\n').filter((line) => line.includes('panicked'));
  if (panics.length > 0) throw new Error(`${logFile} names ${panics.length} panics:\n${[...new Set(panics.map(withoutTime))].join('\n')}`);
}

const withoutTime = (line: string) => line.replace(/^\S+\s+/, '');
