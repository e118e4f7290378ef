import { execFile, execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { MonitorSocket } from '../../../src/netlink/monitor.js';
import { decodeNfTablesEvent, NETLINK_NETFILTER, NFNLGRP_NFTABLES } from '../../../src/netlink/wire/nf-tables.js';
import { DEFAULT_FIGHT } from '../../../src/reconcile/fights.js';
import type { BenchCase, BenchResult } from '../case.js';
import { type DaemonBench, openDaemonBench } from '../daemon-fixture.js';
import { benchLease, openEtcdBench } from '../etcd-fixture.js';
import { elapsedMs, median } from '../stats.js';

/** Fewer than what `watch` takes for a fight and holds off from; for more they are so far apart that it does not. */
const ROUNDS = DEFAULT_FIGHT.times - 2;
const apartMs = (rounds: number): number =>
  rounds <= ROUNDS ? 300 : (1.2 * DEFAULT_FIGHT.withinMs) / (DEFAULT_FIGHT.times - 1);
const TRAFFIC = ['--ip-masq', '--iptables-forward-rules'];
const CASES = [
  { nftables: true, goalMs: 60, flushes: ['nft flush ruleset'], list: 'nft list ruleset', restore: 'nft -f' },
  {
    nftables: false,
    goalMs: 150,
    flushes: ['iptables -F', 'iptables -t nat -F'],
    list: 'iptables-save -t filter; iptables-save -t nat',
    restore: 'iptables-restore',
  },
] as const;

export const benchCase: BenchCase = {
  name: 'traffic-heal',
  about: 'rules flushed under `flan watch`: from the end of the flush until the kernel says that they are back',
  async run({ n = ROUNDS, log }) {
    const results: BenchResult[] = [];
    for (const { nftables, goalMs, flushes, list, restore } of CASES) {
      const etcd = await openEtcdBench(3, 'vxlan');
      const node = openDaemonBench('172.16.0.1/12');
      const transactions = listen(node.netns);
      try {
        const { key, value } = benchLease(1, 'vxlan');
        await etcd.put(key, value);
        const network = { Network: '10.0.0.0/8', SubnetLen: 24, SubnetMin: '10.0.1.0', EnableNFTables: nftables };
        await etcd.put('/coreos.com/network/config', JSON.stringify({ ...network, Backend: { Type: 'vxlan' } }));
        const rules = (): string =>
          inside(node, list)
            .replace(/^[#:].*$/gm, '')
            .replace(/handle \d+/g, '');
        for (const flush of flushes) {
          // One that has not seen the flushes before.
          const daemon = await node.start([...etcd.flags, ...TRAFFIC]);
          await sleep(500);
          const before = rules();
          const taken: number[] = [];
          for (let i = 0; i <= n; i++) {
            await sleep(apartMs(n) + Math.random() * 100);
            const both = transactions.next(2);
            await flushing(node, flush);
            const [flushedAtMs = 0, backAtMs = 0] = await both;
            await sleep(100);
            if (rules() !== before) throw new Error(`after '${flush}' the rules are not what they were: ${rules()}`);
            if (i > 0) taken.push(backAtMs - flushedAtMs);
          }
          await daemon.stop();
          const reference = await restoring(node, restore);
          log(`${flush}: ${Math.min(...taken).toFixed(0)} to ${Math.max(...taken).toFixed(0)} ms`);
          const value = median(taken);
          const goal = `<= ${goalMs} ms (reference: ${restore} of the same by hand; flanneld ${nftables ? 'never' : '3700 ms'})`;
          results.push({
            name: `'${flush}' healed, median of ${n}`,
            ...{ value, unit: 'ms', reference, ratio: value / reference, goal, ok: value <= goalMs },
          });
        }
      } finally {
        transactions.close();
        await node.close();
        await etcd.close();
      }
    }
    return results;
  },
};

const inside = ({ netns }: DaemonBench, command: string, input = ''): string =>
  execFileSync('ip', ['netns', 'exec', netns, 'sh', '-ec', command], { encoding: 'utf8', input });

/** Without standing still meanwhile: the end of the flush is to be heard when it happens. */
const flushing = ({ netns }: DaemonBench, command: string) =>
  promisify(execFile)('ip', ['netns', 'exec', netns, 'sh', '-ec', command]);

/** What the tool alone takes to put the same rules there. */
async function restoring(node: DaemonBench, restore: string): Promise<number> {
  const isNft = restore.startsWith('nft');
  const rules = inside(node, isNft ? 'nft list ruleset' : 'iptables-save');
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    times.push(
      await elapsedMs(() =>
        inside(node, isNft ? 'nft -f -' : 'iptables-restore', isNft ? `flush ruleset\n${rules}` : rules),
      ),
    );
    await sleep(300);
  }
  return median(times);
}

interface Transactions {
  /** When the next transactions end. */
  next(count: number): Promise<readonly number[]>;
  close(): void;
}

function listen(netns: string): Transactions {
  let waiting:
    | { readonly count: number; readonly times: number[]; readonly done: (times: readonly number[]) => void }
    | undefined;
  const monitor = MonitorSocket.open({
    netns,
    protocol: NETLINK_NETFILTER,
    groups: [NFNLGRP_NFTABLES],
    onMessage: (message) => {
      if (decodeNfTablesEvent(message)?.type !== 'generation' || waiting === undefined) return;
      if (waiting.times.push(performance.now()) === waiting.count) waiting.done(waiting.times);
    },
    onOverrun: () => undefined,
    onError: (error) => {
      throw error;
    },
  });
  return {
    next: (count) => {
      const late = sleep(10_000, undefined, { ref: false }).then(() => {
        throw new Error('the rules never came back');
      });
      const done = new Promise<readonly number[]>((resolve) => {
        waiting = { count, times: [], done: resolve };
      });
      return Promise.race([done, late]);
    },
    close: () => monitor.close(),
  };
}
