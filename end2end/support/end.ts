// After all tests: nothing of ours runs.

import { end } from './quarterdeck.ts';

export default () => end('SIGTERM');
