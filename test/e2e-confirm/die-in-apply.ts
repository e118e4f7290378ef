// Runs `flan apply --yes --confirm TIME` for the node that the flags describe and kills itself, as kill -9 does, when so
// many outcomes are in: `-1` before the first change, one more than there are after the verification.
import { applySafely } from '../../src/commands/apply/safely.js';
import { lockHost } from '../../src/commands/engine.js';
import { nodeFiles } from '../../src/config/files.js';
import { loadSettings } from '../../src/config/settings.js';
import { networksOf } from '../../src/model/network.js';
import { environmentOf, openLabSession } from '../support/lab-session.js';

const [, , launcher = '', limitText = '', confirm = '', ...flags] = process.argv;
// The timer is started as what this process says that it is.
process.argv[1] = launcher;
let left = Number(limitText);
const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('still alive');
};

async function main(): Promise<void> {
  const { settings } = await loadSettings({ flags: {}, env: environmentOf(flags), cwd: '/', ...nodeFiles });
  const session = await openLabSession(flags, {
    perform: async (steps, go) => {
      if (left < 0) return die();
      const outcomes = await go(steps.slice(0, left));
      left -= steps.length;
      return left <= 0 ? die() : outcomes;
    },
  });
  lockHost({ ...settings, networks: networksOf(session.network), holder: 'die-in-apply' });
  await applySafely({
    ...{ settings, session, adopt: 'no', signal: new AbortController().signal },
    flags: { yes: true, confirm, wait: false, supersede: false, 'accept-risk': true, 'allow-mass-delete': true },
    approve: async () => 'yes',
    note: () => undefined,
  });
  die();
}

void main();
