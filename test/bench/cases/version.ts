import { fileURLToPath } from 'node:url';
import type { BenchCase } from '../case.js';
import { alternate, wholeProcess } from '../stats.js';

const FLAN = fileURLToPath(new URL('../../../bin/flan.js', import.meta.url));
const GOAL_MS = 35;

export const benchCase: BenchCase = {
  name: 'version',
  about: 'start-up: `flan version` against a node that runs nothing',
  async run({ n = 15, log }) {
    log(`${n} rounds, in turn`);
    const wall =
      (command: string, ...args: string[]) =>
      async () =>
        (await wholeProcess(command, args)).wallMs;
    const { node, flan } = await alternate(
      { node: wall(process.execPath, '-e', ''), flan: wall(process.execPath, FLAN, 'version') },
      n,
    );
    const goal = `<= reference + ${GOAL_MS} ms`;
    return [
      {
        name: 'flan version',
        value: flan,
        unit: 'ms',
        reference: node,
        ratio: flan / node,
        goal,
        ok: flan - node <= GOAL_MS,
      },
    ];
  },
};
