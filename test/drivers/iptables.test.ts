import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { iptablesSupportsFullyRandom, iptablesVersion } from '../../src/drivers/iptables.js';
import { iptablesRulesOf } from '../../src/traffic/iptables.js';
import { kernelTest } from '../support/kernel.js';
import { ruled } from '../traffic/arbitrary-rules.js';
import { ruleSetSuite } from './rule-set-suite.js';
import { NETWORKS, programDirectory, trafficHost, until, wanted } from './traffic-host.js';

const needs = ['iptables', 'ip6tables'] as const;

/** The legacy variant under the usual names. */
const legacy = programDirectory();
afterAll(() => legacy.close());
for (const tool of ['iptables', 'ip6tables']) {
  for (const suffix of ['', '-save', '-restore']) legacy.link(`${tool}${suffix}`, `/usr/sbin/${tool}-legacy${suffix}`);
}
legacy.link('nft', '/usr/sbin/nft');

for (const variant of ['nft', 'legacy'] as const) {
  const four = `iptables-${variant}`;
  const six = `ip6tables-${variant}`;
  const ours = "grep -e FLANNEL-POSTRTG -e 'FLANNEL-FWD' -e flanneld || true";
  ruleSetSuite({
    name: `iptables (${variant})`,
    mode: 'iptables',
    ...(variant === 'legacy' ? { searchPath: legacy.path } : { culprit: /^iptables \(pid \d+\)$/ }),
    foreign: `
      ${four} -t nat -N KUBE-POSTROUTING; ${four} -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
      ${four} -t nat -A POSTROUTING -m comment --comment "not flanneld masq" -j KUBE-POSTROUTING
      ${four} -t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE
      ${four} -P FORWARD DROP; ${four} -A FORWARD -i docker0 -j ACCEPT; ${four} -t mangle -A PREROUTING -j ACCEPT
      ${six} -A FORWARD -i docker0 -j ACCEPT; ${six} -t nat -A POSTROUTING -s fd12::/16 -j MASQUERADE
      nft add table inet mine; nft add chain inet mine c`,
    listForeign: `${four}-save | grep -v -e '^#' -e FLANNEL- | sed 's/\\[.*\\]//'
      ${six}-save | grep -v -e '^#' -e FLANNEL- | sed 's/\\[.*\\]//'; nft list table inet mine`,
    listOurs: `${four}-save | ${ours}; ${six}-save | ${ours}`,
    damage: {
      'a rule deleted': `${four} -t nat -D FLANNEL-POSTRTG 3`,
      'rules flushed': `${four} -t nat -F FLANNEL-POSTRTG`,
      'a rule twice': `${four} -A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT`,
      'rules in another order': `${four} -t nat -D FLANNEL-POSTRTG 1
        ${four} -t nat -A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN`,
      'a rule of somebody else in our chain': `${four} -I FLANNEL-FWD -j DROP`,
      'the jump deleted': `${four} -t nat -D POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG`,
      'the jump twice': `${four} -t nat -A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG`,
      'a jump from where none belongs': `${four} -A INPUT -j FLANNEL-FWD`,
      'a rule of old flannel in a built-in chain': `${four} -t nat -A POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN`,
    },
    flush: variant === 'nft' ? 'iptables -t nat -F' : 'iptables-legacy -t nat -F',
  });
}

kernelTest('the rules are what flannel writes, in the words of iptables -S', { needs }, async ({ netns, onEnd }) => {
  const host = trafficHost({ netns });
  onEnd(host.close);
  host.want(wanted('iptables'));
  await host.reconcile();
  for (const [tool, { network, subnet }, multicast] of [
    ['iptables', NETWORKS[4], '224.0.0.0/4'],
    ['ip6tables', NETWORKS[6], 'ff00::/8'],
  ] as const) {
    const masq = '-m comment --comment "flanneld masq" -j';
    const forward = '-m comment --comment "flanneld forward" -j';
    expect(
      (await netns.sh(`${tool} -t nat -S`))
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('-P')),
    ).toEqual([
      '-N FLANNEL-POSTRTG',
      `-A POSTROUTING ${masq} FLANNEL-POSTRTG`,
      `-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 ${masq} RETURN`,
      `-A FLANNEL-POSTRTG -s ${subnet} -d ${network} ${masq} RETURN`,
      `-A FLANNEL-POSTRTG -s ${network} -d ${subnet} ${masq} RETURN`,
      `-A FLANNEL-POSTRTG ! -s ${network} -d ${subnet} ${masq} RETURN`,
      `-A FLANNEL-POSTRTG -s ${network} ! -d ${multicast} ${masq} MASQUERADE --random-fully`,
      `-A FLANNEL-POSTRTG ! -s ${network} -d ${network} ${masq} MASQUERADE --random-fully`,
    ]);
    expect(
      (await netns.sh(`${tool} -S`))
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('-P')),
    ).toEqual([
      '-N FLANNEL-FWD',
      `-A FORWARD ${forward} FLANNEL-FWD`,
      `-A FLANNEL-FWD -s ${network} ${forward} ACCEPT`,
      `-A FLANNEL-FWD -d ${network} ${forward} ACCEPT`,
    ]);
  }
});

kernelTest('whatever the rules, the kernel gives back what was written', { needs }, async ({ netns, onEnd }) => {
  const host = trafficHost({ netns });
  onEnd(host.close);
  await fc.assert(
    fc.asyncProperty(ruled, async (each) => {
      const rules = iptablesRulesOf(each);
      host.want(rules === undefined ? [] : [rules]);
      await host.reconcile();
      expect(await host.plan()).toMatchObject({ steps: [], unchanged: rules === undefined ? 0 : 1 });
    }),
    { numRuns: 25 },
  );
});

kernelTest('rules that change between look and write are looked at again', { needs }, async ({ netns, onEnd }) => {
  const programs = programDirectory();
  onEnd(programs.close);
  // Somebody takes the doubled jump away just before the first write.
  programs.script(
    'iptables-restore',
    `if test -e ${programs.path}/armed; then rm ${programs.path}/armed
      /usr/sbin/iptables -t nat -D POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
    fi; echo called >> ${programs.path}/calls; exec /usr/sbin/iptables-restore "$@"`,
  );
  const host = trafficHost({ netns, searchPath: `${programs.path}:/usr/sbin:/usr/bin:/bin` });
  onEnd(host.close);
  host.want(wanted('iptables'));
  await host.reconcile();
  await netns.sh('iptables -t nat -A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG');
  programs.script('armed', '');
  const before = programs.read('calls');
  await host.reconcile();
  expect(programs.read('armed')).toBe('');
  // Its second look found nothing left to do.
  expect(programs.read('calls').slice(before.length)).toBe('called\n');
  expect((await host.plan()).steps).toEqual([]);
});

kernelTest('nothing is run while nobody else changes what is ours', { needs }, async ({ netns, onEnd }) => {
  const programs = programDirectory();
  onEnd(programs.close);
  for (const name of ['iptables-save', 'ip6tables-save']) {
    programs.script(name, `echo ${name} >> ${programs.path}/calls; exec /usr/sbin/${name} "$@"`);
  }
  const host = trafficHost({ netns, searchPath: `${programs.path}:/usr/sbin:/usr/bin:/bin` });
  onEnd(host.close);
  let told = 0;
  host.want(wanted('iptables'));
  await host.follow('iptables', () => told++);
  await host.reconcile();
  const before = programs.read('calls');
  await netns.sh('iptables -t nat -N KUBE-X; iptables -t nat -A KUBE-X -j RETURN; nft add table ip other');
  await netns.sh('ip6tables -F FORWARD');
  await until(() => told > 0);
  expect(programs.read('calls').slice(before.length).trim().split('\n').sort()).toEqual([
    'ip6tables-save',
    'iptables-save',
  ]);
});

test.each([
  ['iptables v1.4.21', { major: 1, minor: 4, patch: 21, variant: 'legacy' }, false],
  ['iptables v1.6.2', { major: 1, minor: 6, patch: 2, variant: 'legacy' }, true],
  ['iptables v1.8.9 (nf_tables)', { major: 1, minor: 8, patch: 9, variant: 'nf_tables' }, true],
  ['iptables v1.8.11 (legacy)', { major: 1, minor: 8, patch: 11, variant: 'legacy' }, true],
])('%s', async (text, version, random) => {
  const programs = programDirectory();
  try {
    programs.script('iptables', `echo '${text}'`);
    const { signal } = new AbortController();
    expect(await iptablesVersion({ searchPath: programs.path }, signal)).toEqual(version);
    expect(await iptablesSupportsFullyRandom({ searchPath: programs.path }, signal)).toBe(random);
  } finally {
    programs.close();
  }
});
