import { bundle, startBundle, whyNoVm } from '../../support/vm.js';
import type { BenchCase } from '../case.js';
import type { GuestBackend } from '../ipip-guest.js';

const PEERS = 5000;
const ROUNDS = 5;
const GOAL = 1.2;

/** What tunnels cost over plain routes, on a kernel that has them: both in one VM, in turn. */
export const benchCase: BenchCase = {
  name: 'ipip-converge',
  about: `\`flan apply\` of ${PEERS} leases (-n) into an empty host, ipip against host-gw, in the test VM`,
  async run({ n: peers = PEERS, log }) {
    const missing = whyNoVm();
    if (missing !== undefined) throw new Error(`cannot measure here: ${missing}`);
    const program = await bundle({ source: "import { main } from './test/bench/ipip-guest.ts'; await main();" });
    const lines: string[] = [];
    const { ended } = startBundle({
      where: 'vm',
      bundle: program,
      args: [String(peers), String(ROUNDS)],
      timeoutSeconds: 600,
      onLine: (line) => lines.push(line),
    });
    const code = await ended.finally(() => program.remove());
    const line = lines.find((candidate) => candidate.startsWith('{"type":"medians"'));
    if (code !== 0 || line === undefined) throw new Error(`the VM ended with ${code}: ${lines.join('\n')}`);
    const medians = JSON.parse(line) as Readonly<Record<GuestBackend, number>>;
    log(`${peers} peers, in the VM: ipip ${medians.ipip.toFixed(0)} ms, host-gw ${medians['host-gw'].toFixed(0)} ms`);
    const ratio = medians.ipip / medians['host-gw'];
    return [
      {
        name: `${peers} ipip routes, from leases to a verified kernel`,
        ...{ value: medians.ipip, unit: 'ms', reference: medians['host-gw'], ratio },
        ...{ goal: `<= ${GOAL} x host-gw`, ok: ratio <= GOAL },
      },
    ];
  },
};
