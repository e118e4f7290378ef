import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { decodeLeaseValue, encodeLeaseValue } from '../../src/leases/value.js';
import type { Json } from '../../src/model/json.js';
import { lease } from './support.js';

const decode = (key: string, text: string) => decodeLeaseValue({ key, text, entry: `/x/subnets/${key}` });

describe('what is written', () => {
  test('flannel value, byte for byte, when nothing of ours is known', () => {
    const value = encodeLeaseValue(lease({ v4: '10.5.52.0/24', ip: '192.168.77.11' }));
    expect(value).toBe('{"PublicIP":"192.168.77.11","PublicIPv6":null,"BackendType":"host-gw"}');
  });

  test('dual stack with data, our members last', () => {
    const base = lease({
      v4: '10.5.52.0/24',
      v6: 'fc00:1:2:3::/64',
      ip: '1.2.3.4',
      ip6: 'fd00::4',
      node: 'a',
      nodeId: 'i',
    });
    const value = encodeLeaseValue({
      ...base,
      backendType: 'vxlan',
      ...(base.ipv4 && { ipv4: { ...base.ipv4, backendData: { VNI: 1, VtepMAC: '0e:00:00:00:00:01' } } }),
      ...(base.ipv6 && { ipv6: { ...base.ipv6, backendData: null } }),
    });
    expect(value).toBe(
      '{"PublicIP":"1.2.3.4","PublicIPv6":"fd00::4","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"0e:00:00:00:00:01"},"BackendV6Data":null,"NodeName":"a","NodeID":"i"}',
    );
  });

  test('no address and no type', () => {
    expect(encodeLeaseValue({ ...lease({ v6: 'fd00::/64', ip6: 'fd01::1' }), backendType: '' })).toBe(
      '{"PublicIP":"0.0.0.0","PublicIPv6":"fd01::1"}',
    );
  });
});

describe('what is read', () => {
  test('a value of v0.12, without PublicIPv6', () => {
    const { ipv4, backendType, node } = decode('10.5.52.0-24', '{"PublicIP":"1.2.3.4"}');
    expect(ipv4).toEqual({ subnet: '10.5.52.0/24', publicIp: '1.2.3.4' });
    expect(backendType).toBe('');
    expect(node).toBeUndefined();
  });

  test('unspecified and null addresses are none', () => {
    const read = decode('0.0.0.0-0&fd00::-64', '{"PublicIP":"0.0.0.0","PublicIPv6":null,"BackendType":"alloc"}');
    expect(read.ipv4).toBeUndefined();
    expect(read.ipv6).toEqual({ subnet: 'fd00::/64' });
  });

  test('names are matched as Go does, the exact one first', () => {
    const read = decode('10.5.52.0-24', '{"publicip":"9.9.9.9","PublicIP":"1.2.3.4","backendtype":"ipip"}');
    expect(read.ipv4?.publicIp).toBe('1.2.3.4');
    expect(read.backendType).toBe('ipip');
  });

  test.each([
    ['10.5.52.0', '{}', 'not the name of a subnet'],
    ['10.5.52.0-24', 'not json', 'not JSON'],
    ['10.5.52.0-24', '[]', 'not a JSON object'],
    ['10.5.52.0-24', '{"PublicIP":"::1"}', "PublicIP is not an IPv4 address: '::1'"],
    ['10.5.52.0-24', '{"PublicIP":7}', 'PublicIP is not a string'],
    ['10.5.52.0-24&fd00::-64', '{"PublicIPv6":"1.2.3.4"}', 'PublicIPv6 is not an IPv6 address'],
    ['10.5.52.0-24', '{"BackendType":{}}', 'BackendType is not a string'],
  ])('%s %s is refused', (key, text, message) => {
    expect(() => decode(key, text)).toThrow(expect.objectContaining({ code: 'E_LEASE', where: `/x/subnets/${key}` }));
    expect(() => decode(key, text)).toThrow(message);
  });

  test('any text gives a lease or E_LEASE', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        try {
          decode('10.5.52.0-24', text);
        } catch (error) {
          expect(error).toBeInstanceOf(FlanError);
          expect((error as FlanError).code).toBe('E_LEASE');
        }
      }),
    );
  });

  test('what was written reads back the same, whatever the data', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.option(fc.string({ minLength: 1 }), { nil: undefined }), (data, node) => {
        const json = JSON.parse(JSON.stringify(data)) as Json;
        const base = lease({ v4: '10.5.52.0/24', ip: '1.2.3.4', ...(node !== undefined && { node }), nodeId: 'x' });
        const written = { ...base, ...(base.ipv4 && { ipv4: { ...base.ipv4, backendData: json } }) };
        expect(decode(written.key, encodeLeaseValue(written))).toEqual(written);
      }),
    );
  });
});
