import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSession } from '../../src/commands/session.js';
import { nodeFiles } from '../../src/config/files.js';
import { loadSettings } from '../../src/config/settings.js';
import { formatIPv4 } from '../../src/model/ip.js';
import { applyOnce } from '../../src/reconcile/once.js';
import { makeNetns } from '../support/netns.js';
import { alternate, elapsedMs } from './stats.js';

export type GuestBackend = 'ipip' | 'host-gw';

/**
 * What runs inside the VM: a node with `peers` leases in one file applies once, into a namespace that is new each time,
 * with the one backend and the other in turn. Prints the medians in milliseconds as a line of JSON.
 */
export async function main(): Promise<void> {
  const [peers = 0, rounds = 0] = process.argv.slice(2).map(Number);
  const dir = mkdtempSync(join(tmpdir(), 'flan-bench-'));
  try {
    const sample = (type: GuestBackend) => {
      const file = writeLeases({ dir, type, count: peers + 1 });
      return () => converge({ dir, file, peers });
    };
    const medians = await alternate({ ipip: sample('ipip'), 'host-gw': sample('host-gw') }, rounds);
    process.stdout.write(`${JSON.stringify({ type: 'medians', ...medians })}\n`);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

interface Cluster {
  readonly dir: string;
  readonly type: GuestBackend;
  readonly count: number;
}

/** Lease j is 10.x.y.0/24 through 172.16.x.y, j from 1 on. */
function writeLeases({ dir, type, count }: Cluster): string {
  const leases = Array.from({ length: count }, (_, i) => i + 1).map((j) => ({
    ...{ node: `node-${j}`, nodeId: `id-${j}`, backendType: type },
    ...{ subnet: `${formatIPv4(0x0a000000 + (j << 8))}/24`, publicIP: formatIPv4(0xac100000 + j) },
  }));
  const file = join(dir, `${type}.json`);
  const network = { Network: '10.0.0.0/8', SubnetLen: 24, SubnetMin: '10.0.1.0', Backend: { Type: type } };
  writeFileSync(file, JSON.stringify({ network, leases }));
  return file;
}

interface Converge {
  readonly dir: string;
  readonly file: string;
  readonly peers: number;
}

/** Milliseconds from opening the leases to the second look that finds nothing left to do. */
async function converge({ dir, file, peers }: Converge): Promise<number> {
  const netns = makeNetns('bench');
  try {
    execFileSync('ip', ['-n', netns.name, '-batch', '-'], {
      input: [
        'link add eth0 type veth peer name far0',
        'link set far0 up',
        'link set eth0 up',
        'address add 172.16.0.1/12 dev eth0',
      ].join('\n'),
    });
    const { settings } = await loadSettings({
      flags: {
        ...{ leases: file, netns: netns.name, iface: ['eth0'], node: 'node-1', 'node-id': 'id-1' },
        ...{
          'subnet-file': join(dir, `${netns.name}.env`),
          'runtime-dir': dir,
          'state-dir': dir,
          'iptables-forward-rules': 'false',
        },
      },
      ...{ env: {}, cwd: dir },
      ...nodeFiles,
    });
    return await elapsedMs(async () => {
      const { signal } = new AbortController();
      const session = await openSession(settings, signal);
      const { outcomes, left } = await applyOnce({ session, adopt: 'no', signal, approve: async () => 'yes' });
      await session.close();
      const routes = outcomes.filter(({ step, status }) => status === 'done' && step.key.startsWith('route/'));
      if (left.length > 0 || routes.length !== peers) {
        throw new Error(`${routes.length} of ${peers} routes were made, ${left.length} steps are left`);
      }
    });
  } finally {
    netns.close();
  }
}
