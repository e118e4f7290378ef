import { expect, it } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.js';
import { doctorText } from '../../src/report/doctor-text.js';
import { healthy, host, overlay } from '../doctor/healthy.js';
import { HOSTILE, tagged, withoutTags } from './fixtures.js';

const view = { node: 'node-a', store: 'etcd https://10.0.0.1:2379' };

it('says that nothing is wrong, and by what one can tell', () => {
  expect(doctorText({ ...view, ...diagnose(healthy()) })).toBe(`node-a · etcd https://10.0.0.1:2379

  ✓  store                etcd https://10.0.0.1:2379: 3 leases
  ✓  certificates         none are in use
  ?  clock                no server told its time
  ✓  plan                 can be made, and warns of nothing
  ✓  public addresses     3 addresses, each of one lease
  ✓  capabilities         CAP_NET_ADMIN
  ✓  kernel modules       vxlan is in use
  ✓  UDP ports            8472 (flannel.1): nobody else holds them
  ✓  MTU                  IPv4 1450 (eth0 1500, overhead 50)
  ✓  subnet.env           /run/flannel/subnet.env is that of the lease
  ✓  forwarding           IPv4 is forwarded
  ✓  reverse path filter  drops nothing of the overlay
  ✓  bridge netfilter     only matters with kube-proxy
  ✓  flanneld             does not run here
  ✓  systemd-networkd     does not run here
  ✓  NetworkManager       does not run here
  ✓  firewalld            does not run here
  ✓  leftovers            none
  ✓  lock                 held by pid 12 (flan watch)
  ✓  flan watch           runs

Nothing is wrong; 1 of 20 checks could not tell.
`);
});

it('ends with what is wrong, errors first, and what to do about it', () => {
  const facts = healthy({
    host: host({ capabilities: [], sysctls: { 'net/ipv4/ip_forward': '0' } }),
  });
  const text = doctorText({ ...view, ...diagnose(facts) });
  expect(text).toContain('  !  capabilities         D_CAPABILITY\n');
  expect(text).toContain('  ✕  forwarding           D_FORWARDING_OFF\n');
  expect(text.slice(text.indexOf('  ✕ error'))).toBe(`\
  ✕ error   D_FORWARDING_OFF  this host does not forward IPv4 (net.ipv4.ip_forward is 0): pods reach nothing outside it
            fix: Run \`sysctl -w net.ipv4.ip_forward=1\`, and write it into /etc/sysctl.d/ to keep it.
  ! warning D_CAPABILITY  this process lacks CAP_NET_ADMIN: it cannot change the network, and sees less
            fix: Run as root, or grant it: \`AmbientCapabilities=CAP_NET_ADMIN\` in a unit, \`capabilities.add\` in a pod.

1 error, 1 warning; 1 of 20 checks could not tell.
`);
});

it('lets nobody give orders to a terminal, and colours nothing but whole words', () => {
  const facts = healthy({
    overlay: overlay({ quarantined: [{ entry: HOSTILE, code: 'E_LEASE', message: HOSTILE }] }),
    lock: { holder: HOSTILE },
  });
  const text = doctorText({ node: HOSTILE, store: HOSTILE, ...diagnose(facts) });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  const painted = doctorText({ ...view, ...diagnose(facts) }, tagged);
  // The table knows the width of real colours, not of these.
  const unaligned = (words: string): string => words.replace(/ +/g, ' ');
  expect(unaligned(withoutTags(painted))).toBe(unaligned(doctorText({ ...view, ...diagnose(facts) })));
});
