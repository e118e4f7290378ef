import { describe, expect, it } from 'vitest';
import { decodeNetwork, parseNetwork } from '../../src/config/network.js';
import { FlanError } from '../../src/errors.js';
import { addressAt, type Prefix } from '../../src/model/ip.js';

const decode = (value: unknown) => decodeNetwork(value, 'net-conf.json');
const vxlan = { Backend: { Type: 'vxlan' } };

describe('defaults', () => {
  it('of IPv4, whatever the case of names', () => {
    expect(decode({ network: '10.3.0.0/16' })).toEqual({
      network: {
        ipv4: { network: '10.3.0.0/16', subnetLen: 24, subnetMin: '10.3.1.0', subnetMax: '10.3.255.0' },
        nftables: false,
        backend: { type: 'udp', options: {} },
      },
      warnings: [],
    });
  });

  it('of IPv6 alone', () => {
    expect(decode({ enableIPv4: false, enableIPv6: true, ipv6Network: 'fc00::/48', ...vxlan }).network).toEqual({
      ipv6: { network: 'fc00::/48', subnetLen: 64, subnetMin: 'fc00:0:0:1::', subnetMax: 'fc00:0:0:ffff::' },
      nftables: false,
      backend: { type: 'vxlan', options: {} },
    });
  });

  it('of both', () => {
    const { network } = decode({
      Network: '10.3.0.0/16',
      EnableIPv6: true,
      IPv6Network: 'fc00::/48',
      EnableNFTables: true,
    });
    expect([network.ipv4?.subnetLen, network.ipv6?.subnetLen, network.nftables]).toEqual([24, 64, true]);
  });

  it.each([
    ['10.0.0.0/8', 24],
    ['10.3.0.0/22', 24],
    ['10.3.0.0/23', 25],
    ['10.3.0.0/24', 26],
    ['10.3.0.0/28', 30],
  ])('SubnetLen of %s is %i', (Network, len) => {
    expect(decode({ Network }).network.ipv4?.subnetLen).toBe(len);
  });

  it.each([
    ['fc00::/16', 64],
    ['fc00::/62', 64],
    ['fc00::/63', 65],
    ['fc00::/124', 126],
  ])('IPv6SubnetLen of %s is %i', (IPv6Network, len) => {
    expect(decode({ EnableIPv4: false, EnableIPv6: true, IPv6Network }).network.ipv6?.subnetLen).toBe(len);
  });
});

describe('values', () => {
  it('are kept when given', () => {
    const given = { Network: '10.3.0.0/16', SubnetLen: 28, SubnetMin: '10.3.5.0', SubnetMax: '10.3.8.0' };
    expect(decode(given).network.ipv4).toEqual({
      network: '10.3.0.0/16',
      subnetLen: 28,
      subnetMin: '10.3.5.0',
      subnetMax: '10.3.8.0',
    });
    const six = {
      IPv6Network: 'fc00::/48',
      IPv6SubnetLen: 56,
      IPv6SubnetMin: 'fc00:0:0:100::',
      IPv6SubnetMax: 'fc00:0:0:f00::',
    };
    expect(decode({ EnableIPv4: false, EnableIPv6: true, ...six }).network.ipv6).toEqual({
      network: 'fc00::/48',
      subnetLen: 56,
      subnetMin: 'fc00:0:0:100::',
      subnetMax: 'fc00:0:0:f00::',
    });
  });

  it('lose their host bits', () => {
    expect(decode({ Network: '10.50.3.7/16' }).network.ipv4?.network).toBe('10.50.0.0/16');
  });

  it('count as not given when null, zero or unspecified, as Go reads them', () => {
    const given = { Network: '10.3.0.0/16', SubnetLen: 0, SubnetMin: '0.0.0.0', SubnetMax: null, EnableIPv4: null };
    expect(decode(given).network).toEqual(decode({ Network: '10.3.0.0/16' }).network);
  });

  it('allow a range of one subnet', () => {
    const one = { Network: '10.3.0.0/16', SubnetMin: '10.3.7.0', SubnetMax: '10.3.7.0' };
    expect(decode(one).network.ipv4?.subnetMin).toBe('10.3.7.0');
  });

  it('reach the end of the address space', () => {
    const { ipv4 } = decode({ Network: '255.255.0.0/16' }).network;
    expect(ipv4?.subnetMax).toBe('255.255.255.0');
    expect(addressAt(ipv4?.network as Prefix, 256)).toBe(ipv4?.subnetMin);
  });

  it('of the backend pass through, its type in lower case', () => {
    const { backend } = decode({
      Network: '10.3.0.0/16',
      backend: { type: 'VXLAN', VNI: 7, DirectRouting: true },
    }).network;
    expect(backend).toEqual({ type: 'vxlan', options: { VNI: 7, DirectRouting: true } });
  });
});

const v6 = (more: object) => ({ EnableIPv4: false, EnableIPv6: true, IPv6Network: 'fc00::/48', ...more });
const v4 = (more: object) => ({ Network: '10.3.0.0/16', ...more });

describe('errors', () => {
  it.each<[unknown, string | RegExp]>([
    [null, 'must be an object, not null'],
    [[], 'must be an object, not []'],
    ['10.3.0.0/16', 'must be an object'],
    [{}, 'Network is not defined'],
    [{ Network: '0.0.0.0/0' }, 'Network is 0.0.0.0/0, which counts as not defined'],
    [{ Netwrk: '10.3.0.0/16' }, "Network is not defined in the network config, but 'Netwrk' is there"],
    [{ Comment: '10.3.0.0/16' }, /not defined in the network config$/],
    [{ Network: null }, /not defined in the network config$/],
    [
      v4({ EnableIPv6: true, IPV6Netwrok: 'fc00::/48' }),
      "IPv6Network is not defined in the network config, but 'IPV6N",
    ],
    [{ Network: '127.0.0.0/8' }, 'Network 127.0.0.0/8 holds loopback addresses'],
    [{ Network: '127.7.0.0/16' }, 'Network 127.7.0.0/16 holds loopback addresses'],
    [{ Network: '224.0.0.0/8' }, 'Network 224.0.0.0/8 holds multicast addresses'],
    [{ Network: '192.0.0.0/2' }, 'Network 192.0.0.0/2 holds multicast addresses'],
    [{ Network: '169.254.0.0/16' }, 'Network 169.254.0.0/16 holds link-local addresses'],
    [{ Network: '0.1.0.0/16' }, 'Network 0.1.0.0/16 holds unspecified addresses'],
    [v6({ IPv6Network: 'fe80::/10' }), 'IPv6Network fe80::/10 holds link-local addresses'],
    [v6({ IPv6Network: 'ff00::/8' }), 'IPv6Network ff00::/8 holds multicast addresses'],
    [v6({ IPv6Network: '::1/64' }), 'IPv6Network ::/64 holds loopback addresses'],
    [{ Network: 7 }, 'Network must be a string, not 7'],
    [{ Network: 'fc00::/48' }, "Network must be a valid IPv4 CIDR such as 10.244.0.0/16, not 'fc00::/48'"],
    [{ Network: '10.3.0.0' }, 'Network must be a valid IPv4 CIDR'],
    [{ Network: '' }, 'Network must be a valid IPv4 CIDR'],
    [v4({ SubnetLen: 31 }), 'SubnetLen must be less than /31'],
    [v4({ SubnetLen: 17 }), 'must be able to accommodate at least four subnets'],
    [v4({ SubnetLen: -1 }), 'SubnetLen must not be negative'],
    [v4({ SubnetLen: '24' }), 'SubnetLen must be an integer, not "24"'],
    [v4({ SubnetLen: 24.5 }), 'SubnetLen must be an integer'],
    [{ Network: '10.3.0.0/29' }, 'Network is too small: 10.3.0.0/29. Minimum useful network prefix is /28'],
    [v4({ SubnetMin: '10.4.0.0' }), 'SubnetMin is not in the range of the Network'],
    [v4({ SubnetMax: '10.4.0.0' }), 'SubnetMax is not in the range of the Network'],
    [v4({ SubnetMin: '10.3.0.1' }), 'SubnetMin is not on a SubnetLen boundary: 10.3.0.1'],
    [v4({ SubnetMax: '10.3.9.128' }), 'SubnetMax is not on a SubnetLen boundary: 10.3.9.128'],
    [v4({ SubnetMin: 'fc00::' }), "SubnetMin must be an IPv4 address, not 'fc00::'"],
    [v4({ SubnetMin: '10.3.9.0', SubnetMax: '10.3.8.0' }), 'SubnetMin 10.3.9.0 is above SubnetMax 10.3.8.0'],
    [v4({ EnableIPv4: false }), 'EnableIPv4 and EnableIPv6 are both off'],
    [v4({ EnableIPv4: 'yes' }), 'EnableIPv4 must be true or false, not "yes"'],
    [v4({ EnableNFTables: 1 }), 'EnableNFTables must be true or false'],
    [v4({ EnableIPv6: true }), 'IPv6Network is not defined'],
    [v6({ IPv6Network: '::/0' }), 'IPv6Network is ::/0, which counts as not defined'],
    [v6({ IPv6Network: '10.3.0.0/16' }), 'IPv6Network must be a valid IPv6 CIDR'],
    [v6({ IPv6SubnetLen: 127 }), 'IPv6SubnetLen must be less than /127'],
    [v6({ IPv6SubnetLen: 49 }), 'must be able to accommodate at least four subnets'],
    [v6({ IPv6SubnetLen: -64 }), 'IPv6SubnetLen must not be negative'],
    [v6({ IPv6Network: 'fc00::/125' }), 'IPv6Network is too small: fc00::/125. Minimum useful network prefix is /124'],
    [v6({ IPv6SubnetMin: 'fd00::' }), 'IPv6SubnetMin is not in the range of the IPv6Network'],
    [v6({ IPv6SubnetMax: 'fd00::' }), 'IPv6SubnetMax is not in the range of the IPv6Network'],
    [v6({ IPv6SubnetMin: 'fc00::1' }), 'IPv6SubnetMin is not on a IPv6SubnetLen boundary: fc00::1'],
    [v6({ IPv6SubnetMin: 'fc00:0:0:9::', IPv6SubnetMax: 'fc00:0:0:8::' }), 'is above IPv6SubnetMax'],
    [v4({ Backend: {} }), 'Backend has no Type'],
    [v4({ Backend: null }), 'Backend has no Type'],
    [v4({ Backend: { Type: '' } }), 'Backend has no Type'],
    [v4({ Backend: { Type: 7 } }), 'Backend.Type must be a string, not 7'],
    [v4({ Backend: 'vxlan' }), 'Backend must be an object, not "vxlan"'],
    // Off, but still of the wrong type.
    [v4({ IPv6SubnetLen: 'long' }), 'IPv6SubnetLen must be an integer'],
  ])('%j', (value, message) => {
    let caught: unknown;
    try {
      decode(value);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(FlanError);
    expect(caught).toMatchObject({
      code: 'E_NETWORK_CONFIG',
      where: 'net-conf.json',
      message: typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message),
    });
  });

  it('tell a misspelt network how it is written', () => {
    expect(() => decode({ Netwrk: '10.3.0.0/16' })).toThrow(
      expect.objectContaining({ hint: "Write 'Network' instead of 'Netwrk'." }),
    );
  });
});

describe('warnings', () => {
  it('name unknown options and what they were meant to be', () => {
    expect(decode(v4({ SubnetLenn: 24, Comment: 'hello' })).warnings).toEqual([
      expect.objectContaining({ code: 'W_UNKNOWN_OPTION', hint: "Did you mean 'SubnetLen'?" }),
      { code: 'W_UNKNOWN_OPTION', message: 'Comment is not an option that flan knows; ignored' },
    ]);
  });

  it('name a network whose family is off', () => {
    expect(decode(v4({ IPv6Network: 'fc00::/48' })).warnings).toEqual([
      expect.objectContaining({ code: 'W_FAMILY_OFF', message: expect.stringContaining('IPv6Network') }),
    ]);
    expect(decode(v6({ Network: '10.3.0.0/16' })).warnings).toEqual([
      expect.objectContaining({ code: 'W_FAMILY_OFF', message: expect.stringContaining('EnableIPv4') }),
    ]);
  });
});

describe('parseNetwork', () => {
  const parse = (text: string) => parseNetwork(text, 'net-conf.json');

  it('reads JSON and YAML alike', async () => {
    const json = await parse('{"Network": "10.3.0.0/16", "Backend": {"Type": "vxlan", "VNI": 3}}');
    const yaml = await parse('# the overlay\nNetwork: 10.3.0.0/16\nBackend: { Type: vxlan, VNI: 3 }\n');
    expect(yaml).toEqual(json);
    expect(json.warnings).toEqual([]);
  });

  it('tells when what looks like JSON is not', async () => {
    const { network, warnings } = await parse('{"Network": "10.3.0.0/16",}');
    expect(network.ipv4?.network).toBe('10.3.0.0/16');
    expect(warnings).toEqual([expect.objectContaining({ code: 'W_NOT_JSON' })]);
  });

  it.each([
    ['{\n  "Network": "10.3.0.0/16"\n  "SubnetLen": 24\n}', 'net-conf.json:3:3', 'not valid JSON'],
    ['{"Network": "10.3.0.0/16"', 'net-conf.json:1:26', 'not valid JSON'],
    ['{"Network":', 'net-conf.json:1:12', 'not valid JSON: the text ends too early'],
    ['Network: "10.3.0.0/16\n', 'net-conf.json:', 'not valid YAML'],
    ['Network: 10.3.0.0/16\n\tSubnetLen: 24\n', 'net-conf.json:2:1', 'not valid YAML'],
    ['a: 1\n---\nb: 2\n', 'net-conf.json:', 'not valid YAML: it holds several documents, not one'],
    ['a: &a [*a]\nNetwork: 10.3.0.0/16\n', 'net-conf.json', 'cannot be read'],
    ['', 'net-conf.json', 'must be an object, not null'],
  ])('%j is refused at %s', async (text, where, message) => {
    const error = await parse(text).catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: 'E_NETWORK_CONFIG',
      where: expect.stringContaining(where),
      hint: expect.any(String),
      message: expect.stringContaining(message),
    });
  });

  it('never quotes the text, which may hold a key', async () => {
    const broken = [
      '{"PSK": "hunter2" "x"',
      '{"PSK": "hunter2", "a": b "c"}',
      '{"PSK": "hunter2\n"}',
      'PSK: "hunter2',
      'PSK: [hunter2}',
      '{"PSK": hunter2 "x": @}',
      'PSK: *hunter2',
      'PSK: >hunter2',
    ];
    for (const text of broken) {
      const error = await parse(text).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(FlanError);
      expect(`${String(error)} ${String((error as FlanError).cause)} ${(error as FlanError).where}`).not.toContain(
        'hunter2',
      );
    }
  });
});
