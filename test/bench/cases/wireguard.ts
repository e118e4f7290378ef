import { whyNot } from '../../support/kernel.js';
import { bundle, startBundle, whyNoVm } from '../../support/vm.js';
import type { BenchCase } from '../case.js';

interface Medians {
  readonly flan: number;
  readonly setconf: number;
}

/** A thousand peers into an empty device, against wg(8) doing it from a file, both on one kernel. */
export const benchCase: BenchCase = {
  name: 'wireguard',
  about: 'WireGuard peers programmed, against one wg setconf; in a VM where this kernel has no WireGuard',
  async run({ log, n: count = 1000 }) {
    const where = whyNot(['wireguard']) === undefined ? 'here' : 'vm';
    const missing = where === 'vm' ? whyNoVm() : undefined;
    if (missing !== undefined) throw new Error(`cannot run: ${missing}`);
    const program = await bundle({ source: "import './test/bench/wireguard-guest.ts';" });
    try {
      const lines: string[] = [];
      const onLine = (line: string): void => void lines.push(line);
      const run = startBundle({ where, bundle: program, args: [String(count)], timeoutSeconds: 300, onLine });
      const code = await run.ended;
      const answer = lines.findLast((line) => line.startsWith('{"flan"'));
      if (code !== 0 || answer === undefined) throw new Error(`it ended with ${code}: ${lines.slice(-20).join('\n')}`);
      const { flan, setconf: reference } = JSON.parse(answer) as Medians;
      log(
        `${where === 'vm' ? 'in the VM' : 'here'}: flan ${flan.toFixed(1)} ms, wg setconf ${reference.toFixed(1)} ms`,
      );
      const ratio = flan / reference;
      return [
        {
          name: `${count} peers into an empty device`,
          ...{ value: flan, unit: 'ms', reference, ratio, goal: '<= 3 x wg setconf', ok: ratio <= 3 },
        },
      ];
    } finally {
      program.remove();
    }
  },
};
