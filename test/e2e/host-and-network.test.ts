import { describe, expect } from 'vitest';
import { labTest } from '../support/lab.js';

describe('show facts', () => {
  labTest('says which interface was picked, what lost to it, and what peers are told', {}, async (lab) => {
    const a = lab.node();
    await a.netns.ip('link add spare type veth peer name unused');
    await a.netns.ip('address add 192.168.77.7/24 dev spare');
    await a.netns.ip('link set spare up');
    await a.netns.ip('route add default via 192.168.77.1 metric 500');
    const { stdout, stderr, code } = await a.flan(['show facts']);
    expect([code, stderr]).toEqual([0, '']);
    const told = (text: string) => text.slice(text.indexOf('external interface')).replace(/ +/g, ' ').trim();
    expect(told(stdout)).toBe(
      [
        'external interface',
        ' ipv4 dev eth0 sends from 192.168.10.1 peers use 192.168.10.1',
        '',
        'why',
        ' ipv4 default route eth0 picked IPv4 default route, metric 0',
        ' ipv4 default route spare lost IPv4 default route, metric 500; eth0 came first',
      ].join('\n'),
    );
    const asked = ['--iface', 'nope', '--iface', 'spare', '--public-ip', '203.0.113.9'];
    // host-gw refuses to work behind a translation: then, above all, people look here.
    expect((await a.flan(['plan', ...asked])).stderr).toContain('host-gw needs peers to reach spare directly');
    const nat = await a.flan(['show facts', ...asked]);
    expect([nat.code, nat.stderr]).toEqual([0, '']);
    expect(told(nat.stdout)).toBe(
      [
        'external interface',
        ' ipv4 dev spare sends from 192.168.77.7 peers use 203.0.113.9',
        '',
        'why',
        " ipv4 --iface nope - no match no interface 'nope'",
        ' ipv4 --iface spare spare picked this is its name',
      ].join('\n'),
    );
  });

  labTest('warns of an address that nobody here has', {}, async (lab) => {
    const { stderr, code } = await lab.node().flan(['show facts', '--public-ip', '203.0.113.9']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('W_PUBLIC_IP_NOT_LOCAL')]);
  });
});

describe('what is odd about the network config', () => {
  const network = {
    Network: '10.244.0.0/16',
    SubnetLenn: 24,
    IPv6Network: 'fd00:10:244::/48',
    Backend: { Type: 'host-gw' },
  };

  labTest('is told by plan, validate and watch, and stops nobody', { network }, async (lab) => {
    const a = lab.node();
    const { stdout, code } = await a.flan(['plan']);
    expect(code).toBe(0);
    expect(stdout).toContain('SubnetLenn is not an option that flan knows; ignored (W_UNKNOWN_OPTION)');
    expect(stdout).toContain("Did you mean 'SubnetLen'?");
    expect(stdout).toContain('(W_FAMILY_OFF)');
    const valid = await a.flan(['validate', '--json']);
    expect([valid.code, JSON.parse(valid.stdout).warnings.map((w: { code: string }) => w.code)]).toEqual([
      0,
      ['W_UNKNOWN_OPTION', 'W_FAMILY_OFF'],
    ]);
    const daemon = await a.watch();
    const told = daemon.events.flatMap((event) => (event.type === 'warning' ? [event.warning.code] : []));
    expect(told).toEqual(['W_UNKNOWN_OPTION', 'W_FAMILY_OFF']);
    await daemon.stop();
  });
});
