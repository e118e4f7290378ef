import { describe, expect, it } from 'vitest';
import type { BackendContext } from '../../src/backends/backend.js';
import { type ExtensionOptions, extension, startupVariables } from '../../src/backends/extension.js';
import { decodeNetwork } from '../../src/config/network.js';
import { FlanError } from '../../src/errors.js';
import { invocationOf } from '../../src/kinds/extension-command.js';
import type { ExtensionPeer } from '../../src/kinds/extension-peer.js';
import { KNOWN_AFTER_APPLY } from '../../src/kinds/lease.js';
import type { External } from '../../src/model/facts.js';
import { type Family, parseAddress, parsePrefix } from '../../src/model/ip.js';
import type { Json, JsonObject } from '../../src/model/json.js';
import { type Lease, leaseKey } from '../../src/model/lease.js';

const { network } = decodeNetwork(
  { EnableIPv6: true, Network: '10.244.0.0/16', IPv6Network: 'fd00:10:244::/48', Backend: { Type: 'extension' } },
  'test',
);

const external = (family: Family): External => {
  const address = parseAddress(family === 4 ? '192.168.10.1' : 'fd00:10::1');
  return { family, dev: `eth${family}`, index: 2, mtu: 1500, address, publicIp: address, onLink: [] };
};

const own: Lease = {
  key: leaseKey({ ipv4: parsePrefix('10.244.1.0/24') }),
  backendType: 'extension',
  ipv4: { subnet: parsePrefix('10.244.1.0/24'), publicIp: parseAddress('192.168.10.1') },
};

const context = (raw: JsonObject, change: Partial<BackendContext> = {}): BackendContext<ExtensionOptions> => ({
  ...{ network, identity: { node: 'node-a', nodeId: 'id-a' }, own, protocol: 70, alias: 'flan', links: [] },
  lookup: () => undefined,
  external: { 4: external(4), 6: external(6) },
  ...change,
  options: extension.options(raw),
});

const peer = (backendData?: Json): Lease => ({
  key: leaseKey({ ipv4: parsePrefix('10.244.2.0/24'), ipv6: parsePrefix('fd00:10:244:2::/64') }),
  node: 'node-b',
  backendType: 'extension',
  ipv4: {
    subnet: parsePrefix('10.244.2.0/24'),
    publicIp: parseAddress('192.168.10.2'),
    ...(backendData !== undefined && { backendData }),
  },
  ipv6: { subnet: parsePrefix('fd00:10:244:2::/64'), publicIp: parseAddress('fd00:10::2') },
});

const refusalOf = (raw: JsonObject): FlanError => {
  try {
    extension.options(raw);
  } catch (error) {
    if (error instanceof FlanError) return error;
  }
  throw new Error('was not refused');
};

describe('commands in the config', () => {
  it('are lines or lists, and read by sh only where it is asked for', () => {
    const { commands } = extension.options({
      subnetaddcommand: 'a b',
      SubnetRemoveCommand: ['a', 'b c'],
      PostStartupCommand: ' ',
    });
    expect(commands).toMatchObject({ add: { run: 'a b', shell: false }, remove: { run: ['a', 'b c'], shell: false } });
    expect(commands.post).toBeUndefined();
    const shell = extension.options({ Shell: true, SubnetAddCommand: 'a | b "', SubnetRemoveCommand: ['a'] }).commands;
    expect(shell).toMatchObject({ add: { shell: true }, remove: { shell: false } });
    expect(invocationOf({ run: 'a | b "', shell: true }, {})).toEqual({ program: '/bin/sh', args: ['-c', 'a | b "'] });
  });

  it.each([
    [{ SubnetAddCommand: 7 }, 'must be a command line'],
    [{ SubnetAddCommand: ['a', 7] }, 'must be a list of strings'],
    [{ SubnetAddCommand: [] }, 'names no program'],
    [{ SubnetAddCommand: ['', 'a'] }, 'names no program'],
    [{ SubnetAddCommand: '"" a' }, 'names no program'],
    [{ SubnetAddCommand: 'a "b' }, 'a quote that is not closed'],
    [{ SubnetAddCommand: 'a\0b' }, 'NUL'],
    [{ Shell: true, SubnetAddCommand: 'a\0b' }, 'NUL'],
    [{ SubnetAddCommand: ['a\0'] }, 'NUL'],
    [{ SubnetAddCommand: 'bridge fdb add $BACKEND_DATA' }, '$BACKEND_DATA'],
    [{ SubnetAddCommand: ['sh', '-c', 'x "${BACKEND_DATA}"'] }, '$BACKEND_DATA'],
    [{ TimeoutSeconds: 0 }, 'from 1 to 3600'],
    [{ OverheadBytes: -1 }, 'from 0 to 1000'],
  ] as readonly (readonly [JsonObject, string])[])('are refused: %j', (raw, why) => {
    expect(refusalOf(raw)).toMatchObject({ code: 'E_NETWORK_CONFIG', message: expect.stringContaining(why) });
  });

  it.each([
    [{ SubnetAddCommand: 'export A=1; b' }, ['W_EXTENSION_SHELL']],
    [{ SubnetAddCommand: ['/bin/sh', '-ec', 'ip route add $SUBNET'] }, ['W_EXTENSION_SHELL']],
    [{ SubnetAddCommand: ['sh', '-c', 'ip route add "$1"', 'x', '$SUBNET'] }, []],
    [{ Shell: true, SubnetAddCommand: 'export A=1; b' }, []],
    [{ SubnetAddCommand: 'ip route add $SUBNET' }, []],
  ] as readonly (readonly [JsonObject, string[]])[])(
    'that talk to a shell which is not there are told: %j',
    (raw, codes) => {
      expect(extension.check(context(raw)).map(({ code }) => code)).toEqual(codes);
    },
  );
});

describe('what is published', () => {
  it('is what PreStartupCommand wrote, once', () => {
    expect(extension.advertise(context({}))).toEqual({});
    expect(extension.advertise(context({ PreStartupCommand: 'x' }))).toEqual({ 4: KNOWN_AFTER_APPLY });
    expect(extension.advertise(context({ PreStartupCommand: 'x' }, { startupOutput: '"' }))).toEqual({ 4: '"' });
    const only6 = decodeNetwork(
      { EnableIPv4: false, EnableIPv6: true, IPv6Network: 'fd00:10:244::/48', Backend: { Type: 'extension' } },
      'test',
    ).network;
    const raw = { PreStartupCommand: 'x' };
    expect(extension.advertise(context(raw, { startupOutput: 'k', network: only6 }))).toEqual({ 6: 'k' });
  });
});

describe('resources', () => {
  it('are a start-up where there is a command for it and a lease', () => {
    expect(extension.local(context({ SubnetAddCommand: 'x' }))).toEqual([]);
    expect(extension.local(context({ PostStartupCommand: 'x' }, { own: undefined }))).toEqual([]);
    expect(extension.local(context({ PostStartupCommand: 'x' }))).toMatchObject([
      {
        kind: 'extension-startup',
        network: '10.244.0.0/16',
        post: { run: 'x' },
        variables: { SUBNET: '10.244.1.0/24' },
      },
    ]);
  });

  it('are one per peer, with both families', () => {
    expect(extension.peer(context({ PostStartupCommand: 'x' }), peer())).toEqual([]);
    expect(extension.peer(context({ SubnetAddCommand: 'x' }), peer('mac'))).toMatchObject([
      {
        subnet: '10.244.2.0/24',
        ipv6Subnet: 'fd00:10:244:2::/64',
        publicIp: '192.168.10.2',
        publicIpv6: 'fd00:10::2',
        data: 'mac',
        afterStartup: false,
      },
    ]);
    const only4 = extension.peer(context({ SubnetAddCommand: 'x' }, { external: { 4: external(4) } }), peer('mac'));
    expect(only4).toMatchObject([{ subnet: '10.244.2.0/24' }]);
    expect(only4[0]).not.toHaveProperty('ipv6Subnet');
  });

  it.each([
    ['a string', 'x\n$(id)\0', 'x\n$(id)\0'],
    ['nothing', undefined, ''],
    ['null', null, ''],
    ['an object of another backend', { VNI: 1 }, '{"VNI":1}'],
  ] as readonly (readonly [string, Json | undefined, string])[])('hand on data that is %s', (_what, data, told) => {
    const [made] = extension.peer(context({ SubnetAddCommand: 'x' }), peer(data)) as ExtensionPeer[];
    expect(made?.data).toBe(told);
  });

  it('tell commands of this node what flannel tells, and more', () => {
    expect(startupVariables(context({ OverheadBytes: 50 }))).toEqual({
      NETWORK: '10.244.0.0/16',
      IPV6NETWORK: 'fd00:10:244::/48',
      SUBNET: '10.244.1.0/24',
      IPV6SUBNET: '',
      PUBLIC_IP: '192.168.10.1',
      PUBLIC_IPV6: 'fd00:10::1',
      BACKEND_DATA: '',
      OWN_SUBNET: '10.244.1.0/24',
      OWN_IPV6SUBNET: '',
      OWN_PUBLIC_IP: '192.168.10.1',
      OWN_PUBLIC_IPV6: 'fd00:10::1',
      OWN_INTERFACE: 'eth4',
      OWN_IPV6INTERFACE: 'eth6',
      OWN_MTU: '1450',
    });
  });
});
