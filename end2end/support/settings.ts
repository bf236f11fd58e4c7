// Where the suite finds what it works on; scripts/test sets it.

import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'quarterdeck');

/** The Quarterdeck under test. */
export const baseURL = process.env.BASE_URL ?? 'http://127.0.0.1:3100';
export const program = process.env.QUARTERDECK_PROGRAM ?? join(cache, 'test/program/quarterdeck');
export const state = process.env.QUARTERDECK_STATE ?? join(cache, 'test');
/** Started as root, the database runs as another user, who cannot look into root's home. */
export const data = process.env.QUARTERDECK_DATA ?? (process.getuid?.() === 0 ? '/var/lib/quarterdeck/test' : join(state, 'data'));

/** The browser's cookies after signing in. */
export const session = join(state, 'session.json');

/** The one person there is, until single sign-on comes. */
export const admin = { name: 'admin', password: 'a password for the browser suite' };

/** The lab of the tests. */
export const lab = {
  folder: process.env.LAB_DIR ?? join(cache, 'test-lab'),
  programs: process.env.LAB_CACHE ?? join(cache, '../quarterdeck-lab-bin'),
  script: join(import.meta.dirname, '../lab/lab.sh'),
  environment: { LAB_DIR: join(cache, 'test-lab'), LAB_PORT_OFFSET: '100', ...process.env, LAB_WAIT: '0' },
};
