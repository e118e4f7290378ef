// Runs `flan apply` for the node that FLAN_* describes and kills itself, as kill -9 does, after so many outcomes.
import { applyOnce } from '../../src/reconcile/once.js';
import { openLabSession } from '../support/lab-session.js';

const limit = Number(process.argv[2]);
let left = limit;
const die = (): never => {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('still alive');
};

async function main(): Promise<void> {
  const session = await openLabSession(process.argv.slice(3), {
    perform: async (steps, go) => {
      const outcomes = await go(steps.slice(0, left));
      left -= steps.length;
      return left <= 0 ? die() : outcomes;
    },
  });
  await applyOnce({ session, adopt: 'no', signal: new AbortController().signal, approve: async () => 'yes' });
  throw new Error(`there were no ${limit} outcomes to die after`);
}

void main();
