import fc from 'fast-check';
import { expect } from 'vitest';
import { nftSupportsFullyRandom } from '../../src/drivers/nftables.js';
import { nftTableOf } from '../../src/traffic/nftables.js';
import { kernelTest } from '../support/kernel.js';
import { ruled } from '../traffic/arbitrary-rules.js';
import { ruleSetSuite } from './rule-set-suite.js';
import { NETWORKS, programDirectory, trafficHost, until, wanted } from './traffic-host.js';

const OURS = 'nft list tables | grep flannel | sort';
const swap = [
  'nft -a list chain ip flannel-ipv4 postrtg > /tmp/list.$$',
  'h=$(sed -n "s/.*daddr 10.244.3.0\\/24 return # handle //p" /tmp/list.$$ | head -1)',
  'rm /tmp/list.$$',
  'nft "delete rule ip flannel-ipv4 postrtg handle $h; add rule ip flannel-ipv4 postrtg ip saddr 10.244.0.0/16 ip daddr 10.244.3.0/24 return"',
].join('\n');

ruleSetSuite({
  name: 'nftables',
  mode: 'nftables',
  foreign: `
    nft add table ip mine; nft add set ip mine s '{ type ipv4_addr; elements = { 192.0.2.1 }; }'
    nft add chain ip mine postrouting '{ type nat hook postrouting priority 90; }'
    nft add rule ip mine postrouting ip saddr @s counter masquerade comment '"mine"'
    nft add table ip flannel-ipv4-not-ours; nft add table inet flannel-ipv4
    iptables -t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE; ip6tables -A FORWARD -j ACCEPT`,
  listForeign: `
    nft list table ip mine; nft list table ip flannel-ipv4-not-ours; nft list table inet flannel-ipv4
    iptables-save | grep -v '^#'; ip6tables-save | grep -v '^#'`,
  listOurs: `${OURS}; for f in 4:ip 6:ip6; do nft list table \${f#*:} flannel-ipv\${f%:*} 2>/dev/null || true; done`,
  damage: {
    'a rule deleted': 'nft flush chain ip flannel-ipv4 forward',
    'a rule twice': 'nft add rule ip flannel-ipv4 forward ip daddr 10.244.0.0/16 accept',
    'rules in another order': swap,
    'a rule of somebody else in our chain': 'nft insert rule ip flannel-ipv4 forward tcp dport 22 drop',
    'a chain of somebody else in our table': 'nft add chain ip flannel-ipv4 extra',
    'a set of somebody else in our table': "nft add set ip flannel-ipv4 s '{ type ipv4_addr; }'",
    'a policy turned to drop': "nft add chain ip flannel-ipv4 forward '{ policy drop; }'",
    'the table put to sleep': "nft add table ip flannel-ipv4 '{ flags dormant; }'",
  },
  flush: 'nft flush ruleset',
  culprit: /^nft \(pid \d+\)$/,
});

kernelTest(
  'whatever the rules, the kernel gives back what was written',
  { needs: ['nft'] },
  async ({ netns, onEnd }) => {
    const host = trafficHost({ netns });
    onEnd(host.close);
    await fc.assert(
      fc.asyncProperty(ruled, async (each) => {
        const table = nftTableOf(each);
        host.want(table === undefined ? [] : [table]);
        await host.reconcile();
        expect(await host.plan()).toMatchObject({ steps: [], unchanged: table === undefined ? 0 : 1 });
      }),
      { numRuns: 25 },
    );
  },
);

kernelTest(
  'a table that flanneld left, with its unreachable rule, becomes ours',
  { needs: ['nft'] },
  async ({ netns, onEnd }) => {
    const host = trafficHost({ netns });
    onEnd(host.close);
    const { network, subnet } = NETWORKS[4];
    await netns.sh(`nft -f - <<END
    table ip flannel-ipv4 {
      comment "rules for flannel-ipv4"
      chain forward { comment "chain to accept flannel traffic"; type filter hook forward priority filter; policy accept;
        ip saddr ${network} accept
        ip daddr ${network} accept
      }
      chain postrtg { comment "chain to manage traffic masquerading by flannel"; type nat hook postrouting priority srcnat; policy accept;
        meta mark 0x4000 return
        ip saddr ${subnet} ip daddr ${network} return
        ip saddr != ${subnet} ip daddr ${network} return
      }
    }
END`);
    host.want(wanted('nftables'));
    expect((await host.reconcile()).steps.map(({ action, key }) => `${action} ${key}`)).toEqual([
      'update nft-table/ip/flannel-ipv4',
      'create nft-table/ip6/flannel-ipv6',
    ]);
    expect((await host.plan()).steps).toEqual([]);
  },
);

kernelTest('nothing is run while nobody else changes what is ours', { needs: ['nft'] }, async ({ netns, onEnd }) => {
  const programs = programDirectory();
  onEnd(programs.close);
  programs.script('nft', `echo "$@" >> ${programs.path}/calls; exec /usr/sbin/nft "$@"`);
  const host = trafficHost({ netns, searchPath: `${programs.path}:/usr/sbin:/usr/bin:/bin` });
  onEnd(host.close);
  let told = 0;
  host.want(wanted('nftables'));
  await host.follow('nftables', () => told++);
  await host.reconcile();
  const before = programs.read('calls');
  await netns.sh(
    'nft add table ip other; for i in 1 2 3; do nft add chain ip other c$i; done; nft delete table ip other',
  );
  await netns.sh('nft delete table ip6 flannel-ipv6');
  await until(() => told > 0);
  // One look per family for the one change that was about us.
  expect(programs.read('calls').slice(before.length).trim().split('\n').sort()).toEqual([
    '-j list table ip flannel-ipv4',
    '-j list table ip6 flannel-ipv6',
  ]);
});

kernelTest('what the kernel refuses is said in its words', { needs: ['nft'] }, async ({ netns, onEnd }) => {
  const host = trafficHost({ netns });
  onEnd(host.close);
  const [table] = wanted('nftables');
  if (table === undefined) throw new Error('nothing wanted');
  const broken = {
    ...table,
    lines: ['chain postrtg { type nat hook postrouting priority 100; policy accept; }', 'rule postrtg nonsense'],
  };
  host.want([broken]);
  await expect(host.reconcile()).rejects.toMatchObject({
    code: 'E_NFTABLES',
    message: expect.stringContaining('syntax error'),
  });
  // One transaction: nothing of it is there.
  expect(await netns.sh('nft list tables')).toBe('');
});

kernelTest('a family that is refused leaves the other its rules', { needs: ['nft'] }, async ({ netns, onEnd }) => {
  const host = trafficHost({ netns });
  onEnd(host.close);
  const [four, six] = wanted('nftables');
  if (four === undefined || six === undefined) throw new Error('nothing wanted');
  host.want([{ ...four, lines: ['rule nowhere accept'] } as typeof four, six]);
  const { steps } = await host.plan();
  const outcomes = await host.drivers.nftables.perform(steps, host.signal);
  expect(outcomes.map(({ step, status }) => `${step.key} ${status}`)).toEqual([
    'nft-table/ip/flannel-ipv4 failed',
    'nft-table/ip6/flannel-ipv6 done',
  ]);
  expect(await netns.sh('nft list tables')).toBe('table ip6 flannel-ipv6\n');
});

kernelTest('fully random source ports are known to work here', { needs: ['nft'] }, async ({ netns }) => {
  const { signal } = new AbortController();
  expect(await nftSupportsFullyRandom({ netns: netns.name }, signal)).toBe(true);
  expect(await netns.sh('nft list tables')).toBe('');
});
