import { expect, test } from 'vitest';
import { backoffMs } from '../../../src/leases/etcd/backoff.js';
import { parseEndpoint, parseEndpoints } from '../../../src/leases/etcd/endpoint.js';
import { meaningOf } from '../../../src/leases/etcd/failure.js';
import { layout } from '../../../src/leases/etcd/keys.js';

test.each([
  ['http://10.0.0.1:4001', 'http', '10.0.0.1:4001'],
  ['https://etcd.example:443', 'https', 'etcd.example:443'],
  ['http://etcd.example:80/', 'http', 'etcd.example:80'],
  ['https://[fd00::1]:2379', 'https', '[fd00::1]:2379'],
  ['http://10.0.0.1', 'http', '10.0.0.1:2379'],
  [' 10.0.0.1:2379 ', 'http', '10.0.0.1:2379'],
])('endpoint %s', (text, scheme, target) => {
  expect(parseEndpoint(text, 'http')).toEqual({ name: `${scheme}://${target}`, scheme, target });
});

test('without a scheme TLS settings decide', () => {
  expect(parseEndpoint('etcd:2379', 'https').name).toBe('https://etcd:2379');
});

test.each(['ftp://a:1', 'http://', 'http://a:99999', 'http://a:0', 'http://a b:1', 'http://a:1/path', '::1:2379'])(
  'endpoint %s is refused',
  (text) => {
    expect(() => parseEndpoint(text, 'http')).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
  },
);

test('a password in an endpoint is refused and not repeated', () => {
  const parse = () => parseEndpoint('http://root:secret@10.0.0.1:2379', 'http');
  expect(parse).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
  expect(parse).not.toThrow(/secret/);
});

test('empty pieces of a list are passed over, an empty list is not', () => {
  expect(parseEndpoints(['http://a:1', ''], 'http')).toHaveLength(1);
  expect(() => parseEndpoints([''], 'http')).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
});

test.each([
  ['/coreos.com/network', '/coreos.com/network'],
  ['coreos.com//network/', '/coreos.com/network'],
  ['/a/../b', '/b'],
  ['/', ''],
])('prefix %s', (prefix, root) => {
  expect(layout(prefix)).toEqual({
    config: `${root}/config`,
    folder: `${root}/subnets/`,
    folderEnd: `${root}/subnets0`,
  });
});

test('the wait between attempts doubles to a limit and is spread over half of itself', () => {
  const longest = [0, 1, 2, 3, 10, 2000].map((failures) => backoffMs(failures, () => 0));
  expect(longest).toEqual([100, 200, 400, 800, 5000, 5000]);
  expect(backoffMs(0, () => 0.999)).toBe(50);
});

test.each([
  [16, 'etcdserver: invalid auth token', 'token'],
  [3, 'etcdserver: revision of auth store is old', 'token'],
  [3, 'etcdserver: authentication failed, invalid user ID or password', 'login'],
  [3, 'etcdserver: user name is empty', 'login'],
  [9, 'etcdserver: authentication is not enabled', 'auth-off'],
  [7, 'etcdserver: permission denied', 'permission'],
  [11, 'etcdserver: mvcc: required revision has been compacted', 'compacted'],
  [5, 'etcdserver: requested lease not found', 'no-lease'],
  [14, 'etcdserver: leader changed', 'unreachable'],
  [14, 'etcdserver: no leader', 'unreachable'],
  [8, 'etcdserver: too many requests', 'unreachable'],
  [8, 'etcdserver: mvcc: database space exceeded', 'refused'],
  [3, 'etcdserver: duplicate key given in txn request', 'refused'],
] as const)('gRPC code %i with "%s" means %s', (code, details, meaning) => {
  expect(meaningOf({ code, details })).toBe(meaning);
});
