import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initFolder } from '../../../src/leases/file/init.js';
import { flock } from '../../../src/sys/flock.js';
import { CONTRACT_NETWORK, peer, requestOf } from '../../contracts/lease-store.js';
import { kernelTest } from '../../support/kernel.js';
import { ip, prefix, stack } from '../support.js';
import { type FileBed, folderBed, makeStore } from './bed.js';

let bed: FileBed;
const signal = new AbortController().signal;
beforeEach(async () => {
  bed = await folderBed();
  await bed.configure(CONTRACT_NETWORK);
});
afterEach(() => bed.close());
const read = (name: string) => readFileSync(join(bed.path, name), 'utf8');
const leaseFiles = () => readdirSync(bed.path).filter((name) => !name.startsWith('.') && name !== 'network.json');

describe('the network', () => {
  const configured = async (name: string, text: string) => {
    rmSync(join(bed.path, 'network.json'), { force: true });
    bed.write(name, text);
    return makeStore({ path: bed.path }).network(signal);
  };

  test.each([
    ['network.yaml', 'Network: 10.9.0.0/16 # ours\nBackend: {Type: host-gw}\n'],
    ['network.yml', 'Network: 10.9.0.0/16\n'],
    ['network.json', '{"Network": "10.9.0.0/16"}'],
    ['net-conf.json', '{"Network": "10.9.0.0/16"}'],
  ])('is read from %s', async (name, text) => {
    expect((await configured(name, text)).ipv4?.network).toBe('10.9.0.0/16');
  });

  test('a syntax error says where', async () => {
    await expect(configured('network.yaml', 'Network: 10.9.0.0/16\nBackend: {')).rejects.toEqual(
      expect.objectContaining({ code: 'E_NETWORK_CONFIG', where: expect.stringMatching(/network\.yaml:2:\d+$/) }),
    );
  });

  test('a syntax error quotes nothing: a pre-shared key may stand there', async () => {
    for (const broken of ['*hunter2', '>hunter2', '@hunter2']) {
      const error = (await configured('network.yaml', `Backend: { }\nPSK: ${broken}\n`).catch((e) => e)) as Error;
      expect(error).toMatchObject({ code: 'E_NETWORK_CONFIG' });
      expect(error.message).not.toContain('hunter2');
    }
  });

  test('two of them are one too many', async () => {
    bed.write('network.yaml', 'Network: 10.9.0.0/16');
    await expect(makeStore({ path: bed.path }).network(signal)).rejects.toThrow(
      /two network configs: .*yaml and .*json/,
    );
  });

  test('is no FIFO that nobody writes to, nor a device', async () => {
    rmSync(join(bed.path, 'network.json'));
    execFileSync('mkfifo', [join(bed.path, 'network.yaml')]);
    await expect(makeStore({ path: bed.path }).network(signal)).rejects.toEqual(
      expect.objectContaining({ code: 'E_FILE', message: expect.stringContaining('it is a FIFO') }),
    );
  });

  test('the one-file form has it inside', async () => {
    const file = join(bed.root, 'cluster.yaml');
    writeFileSync(file, 'network:\n  Network: 10.9.0.0/16\n');
    const store = makeStore({ path: file });
    expect((await store.network(signal)).ipv4?.network).toBe('10.9.0.0/16');
  });

  test('one file whose leases were never read is an error, not a store without leases', async () => {
    const file = join(bed.root, 'cluster.yaml');
    for (const wrong of ['leases: {}', 'leases: []\nleazes: []']) {
      writeFileSync(file, `network:\n  Network: 10.9.0.0/16\n${wrong}\n`);
      const store = makeStore({ path: file });
      const unreadable = expect.objectContaining({
        code: 'E_LEASE',
        message: expect.stringMatching(/leases must|leazes/),
      });
      for (let i = 0; i < 2; i++) await expect(store.list(signal)).rejects.toEqual(unreadable);
      await expect(store.acquire(requestOf(1), signal)).rejects.toEqual(unreadable);
      await expect(store.watch(signal)[Symbol.asyncIterator]().next()).rejects.toEqual(unreadable);
    }
    writeFileSync(file, 'network:\n  Network: 10.9.0.0/16\nleases: [{subnet: 10.9.1.0/24, publicIP: 192.0.2.1}]\n');
    const store = makeStore({ path: file });
    const held = { leases: [expect.objectContaining({ key: '10.9.1.0-24' })] };
    expect(await store.list(signal)).toMatchObject({ ...held, rejected: [] });
    // Once they were read they stay, as those of a file in a folder do.
    writeFileSync(file, 'network:\n  Network: 10.9.0.0/16\nleases: {}\n');
    expect(await store.list(signal)).toMatchObject({ ...held, rejected: [{ entry: file }] });
  });

  test('a folder that is not there', async () => {
    const store = makeStore({ path: join(bed.root, 'nowhere') });
    for (const attempt of [store.network(signal), store.list(signal), store.acquire(requestOf(1), signal)]) {
      await expect(attempt).rejects.toEqual(expect.objectContaining({ code: 'E_STORE_UNREACHABLE' }));
    }
  });
});

describe('what flan writes', () => {
  test('a small file of its own, for people too; a second acquisition writes nothing', async () => {
    const store = makeStore({ path: bed.path });
    const held = await store.acquire(requestOf(1), signal);
    expect(leaseFiles()).toEqual([`${held.key}.json`]);
    expect(read(`${held.key}.json`)).toBe(
      `{\n  "node": "node-1",\n  "nodeId": "id-1",\n  "subnet": "${held.ipv4?.subnet}",\n  "publicIP": "192.0.2.101",\n  "backendType": "host-gw"\n}\n`,
    );
    rmSync(join(bed.path, '.lock'));
    await store.acquire(requestOf(1), signal);
    expect(readdirSync(bed.path)).not.toContain('.lock');
  });

  test('a lease that people wrote for this node is kept, and stays theirs', async () => {
    const text = 'node: node-1 # rack 4\nsubnet: 10.3.3.0/24\npublicIP: 192.0.2.101\n';
    bed.write('node-1.yaml', text);
    const store = makeStore({ path: bed.path });
    const held = await store.acquire(requestOf(1), signal);
    expect(held.key).toBe('10.3.3.0-24');
    expect(read('node-1.yaml')).toBe(text);
    expect(leaseFiles()).toEqual(['node-1.yaml']);
    const data = { ...requestOf(1), published: { 4: { publicIp: ip('192.0.2.102'), backendData: 'x' } } };
    await store.renew(held, data, signal);
    expect(read('node-1.yaml')).toBe(
      'node: node-1 # rack 4\nsubnet: 10.3.3.0/24\npublicIP: 192.0.2.102\nbackendType: host-gw\nbackendData: x\n',
    );
  });

  test('in the one-file form, into its list, next to what is there', async () => {
    const file = join(bed.root, 'cluster.yaml');
    writeFileSync(
      file,
      '# ours\nnetwork: {Network: 10.3.0.0/16} # all\nleases:\n  - {node: n2, subnet: 10.3.2.0/24, publicIP: 192.0.2.2}\n',
    );
    const store = makeStore({ path: file });
    const held = await store.acquire({ ...requestOf(1), previous: { ipv4: prefix('10.3.4.0/24') } }, signal);
    expect(readFileSync(file, 'utf8')).toMatch(/^# ours\nnetwork: .* # all\nleases:\n {2}- \{ ?node: n2/);
    expect((await store.list(signal)).leases.map(({ key }) => key)).toEqual(['10.3.2.0-24', '10.3.4.0-24']);
    await store.release(held, signal);
    expect((await store.list(signal)).leases.map(({ key }) => key)).toEqual(['10.3.2.0-24']);
  });

  test('nothing can be written where something else stands: the error says so', async () => {
    mkdirSync(join(bed.path, '10.3.1.0-24.json'));
    const request = { ...requestOf(1), previous: { ipv4: prefix('10.3.1.0/24') } };
    await expect(makeStore({ path: bed.path }).acquire(request, signal)).rejects.toEqual(
      expect.objectContaining({ code: 'E_FILE', where: join(bed.path, '10.3.1.0-24.json') }),
    );
    expect(readdirSync(bed.path).filter((name) => name.includes('.tmp') || /^\.10/.test(name))).toEqual([]);
  });
});

describe('what flan cannot write', () => {
  const mount = (options: string, onEnd: (cleanUp: () => unknown) => void): void => {
    const network = read('network.json');
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'flan-test', bed.path]);
    onEnd(() => execFileSync('umount', [bed.path]));
    bed.write('network.json', network);
  };
  const acquire = () => makeStore({ path: bed.path }).acquire(requestOf(1), signal);
  const full = expect.objectContaining({
    code: 'E_STORE_REFUSED',
    retry: true,
    message: expect.stringMatching(/^cannot write .*: no space left on device \(ENOSPC\)$/),
    hint: expect.stringMatching(/^Make room on the file system of \/.*\/leases\.$/),
  });

  kernelTest('a full folder is worth another try, and works when there is room', {}, async ({ onEnd }) => {
    mount('size=16k', onEnd);
    expect(() => bed.write('fill', 'x'.repeat(16_384))).toThrow(/ENOSPC/);
    await expect(acquire()).rejects.toEqual(full);
    expect(leaseFiles()).toEqual(['fill']);
    rmSync(join(bed.path, 'fill'));
    expect((await acquire()).nodeId).toBe('id-1');
  });

  kernelTest('so is one without room for the lock file', {}, async ({ onEnd }) => {
    mount('nr_inodes=3', onEnd);
    bed.write('fill', '');
    await expect(acquire()).rejects.toEqual(full);
  });

  kernelTest('a read-only folder is a refusal', {}, async ({ onEnd }) => {
    mount('size=1m', onEnd);
    const held = await acquire();
    rmSync(join(bed.path, '.lock'));
    execFileSync('mount', ['-o', 'remount,ro', bed.path]);
    await expect(makeStore({ path: bed.path }).release(held, signal)).rejects.toEqual(
      expect.objectContaining({ code: 'E_STORE_PERMISSION', message: expect.stringContaining('(EROFS)') }),
    );
  });
});

describe('who holds what', () => {
  test('a file that does not parse keeps the subnet in its name from others', async () => {
    for (const n of [1, 2, 3]) await bed.put(peer(n));
    bed.write('10.3.4.0-24.json', '{"node": "node-7", "sub');
    await expect(makeStore({ path: bed.path }).acquire(requestOf(1), signal)).rejects.toEqual(
      expect.objectContaining({ code: 'E_SUBNETS_EXHAUSTED' }),
    );
  });

  test('of two files with one subnet the first counts, and the other is told', async () => {
    bed.write('b.yaml', 'node: b\nsubnet: 10.3.2.0/24\npublicIP: 192.0.2.2\n');
    bed.write('a.yaml', 'node: a\nsubnet: 10.3.2.0/24\npublicIP: 192.0.2.1\n');
    const { leases, rejected } = await makeStore({ path: bed.path }).list(signal);
    expect(leases.map(({ node }) => node)).toEqual(['a']);
    expect(rejected.map(({ entry }) => entry)).toEqual([join(bed.path, 'b.yaml')]);
  });

  test('an expired lease is free for others, and its node gets it back until then', async () => {
    let nowMs = 1_700_000_000_000;
    const store = makeStore({ path: bed.path, now: () => nowMs, ttlMs: 1000 });
    const held = await store.acquire(requestOf(1), signal);
    expect(held.expiresAtMs).toBe(nowMs + 1000);
    nowMs += 1000;
    expect((await store.list(signal)).leases).toEqual([]);
    const back = await store.acquire(requestOf(1), signal);
    expect([back.key, back.expiresAtMs]).toEqual([held.key, nowMs + 1000]);
    nowMs += 1000;
    const other = await store.acquire(
      { ...requestOf(2), previous: { ipv4: prefix(String(held.ipv4?.subnet)) } },
      signal,
    );
    expect(other.key).toBe(held.key);
    await expect(store.renew(back, requestOf(1), signal)).rejects.toEqual(
      expect.objectContaining({ code: 'E_LEASE_LOST' }),
    );
    expect(leaseFiles()).toHaveLength(1);
  });

  test('a reservation is respected; one of a held lease ends its expiry', async () => {
    const store = makeStore({ path: bed.path, ttlMs: 3_600_000 });
    if (store.reserve === undefined) throw new Error('the file store can reserve');
    const reserved = await store.reserve({ ipv4: prefix('10.3.0.0/22') }, signal);
    expect(reserved.expiresAtMs).toBeUndefined();
    const held = await store.acquire(requestOf(1), signal);
    expect(held.key).toBe('10.3.4.0-24');
    await expect(store.reserve({ ipv4: prefix('10.3.4.0/23') }, signal)).rejects.toEqual(
      expect.objectContaining({ code: 'E_SUBNET_TAKEN' }),
    );
    const forEver = await store.reserve({ ipv4: prefix('10.3.4.0/24') }, signal);
    expect([forEver.nodeId, forEver.expiresAtMs]).toEqual(['id-1', undefined]);
    expect((await store.renew(forEver, requestOf(1), signal)).expiresAtMs).toBeUndefined();
    expect((await store.acquire(requestOf(1), signal)).expiresAtMs).toBeUndefined();
    await store.release(reserved, signal);
    expect((await store.list(signal)).leases.map(({ key }) => key)).toEqual(['10.3.4.0-24']);
  });

  test('a lease outside the network is replaced, and the old one given back afterwards', async () => {
    bed.write(
      '10.4.1.0-24.json',
      '{"node": "node-1", "nodeId": "id-1", "subnet": "10.4.1.0/24", "publicIP": "192.0.2.101"}',
    );
    const held = await makeStore({ path: bed.path, random: () => 0 }).acquire(requestOf(1), signal);
    expect(held.key).toBe('10.3.1.0-24');
    expect(leaseFiles()).toEqual(['10.3.1.0-24.json']);
  });

  test('E_LOCKED while somebody else has the lock, and nothing is written', async () => {
    const lock = flock(join(bed.path, '.lock'));
    const store = makeStore({ path: bed.path, lockTimeoutMs: 20 });
    await expect(store.acquire(requestOf(1), signal)).rejects.toEqual(
      expect.objectContaining({ code: 'E_LOCKED', retry: true }),
    );
    expect(leaseFiles()).toEqual([]);
    const controller = new AbortController();
    const waiting = makeStore({ path: bed.path }).acquire(requestOf(1), controller.signal);
    controller.abort();
    await expect(waiting).rejects.toThrow();
    lock?.release();
    expect((await store.acquire(requestOf(1), signal)).nodeId).toBe('id-1');
  });

  test('forty nodes at once on forty subnets', async () => {
    const network = { ...CONTRACT_NETWORK, ipv4: stack('10.3.0.0/16', 24, '10.3.1.0', '10.3.40.0') };
    const acquire = (n: number) => {
      const identity = { node: `n${n}`, nodeId: `i${n}` };
      const wanted = { ...requestOf(1), network, identity, published: {} };
      return makeStore({ path: bed.path }).acquire(wanted, new AbortController().signal);
    };
    const held = await Promise.all(Array.from({ length: 40 }, (_, n) => acquire(n)));
    expect(new Set(held.map(({ key }) => key)).size).toBe(40);
  });
});

test('a thousand files are listed, and only what changed is read again', async () => {
  for (let n = 0; n < 1000; n++) {
    bed.write(
      `n${n}.json`,
      JSON.stringify({ node: `n${n}`, subnet: `10.${n >> 8}.${n & 255}.0/24`, publicIP: '192.0.2.9' }),
    );
  }
  const store = makeStore({ path: bed.path });
  expect((await store.list(signal)).leases).toHaveLength(1000);
  bed.write('n7.json', JSON.stringify({ node: 'renamed', subnet: '10.0.7.0/24' }));
  rmSync(join(bed.path, 'n8.json'));
  const { leases } = await store.list(signal);
  expect(leases).toHaveLength(999);
  expect(leases.find(({ key }) => key === '10.0.7.0-24')?.node).toBe('renamed');
});

test('what is no lease file is not read as one', async () => {
  for (const name of ['.hidden.json', 'notes.txt', 'x.json~', 'x.yaml.swp', 'flan.yaml', '#x.yaml#'])
    bed.write(name, '{');
  mkdirSync(join(bed.path, 'folder.json'));
  symlinkSync('/nonexistent', join(bed.path, 'dangling.json'));
  expect(await makeStore({ path: bed.path }).list(signal)).toEqual({ leases: [], rejected: [] });
});

describe('flan init', () => {
  test('writes a folder that the store understands, and never over anything', async () => {
    const path = join(bed.root, 'lab');
    const options = { path, ipv4: prefix('10.244.0.0/16'), ipv6: prefix('fd00:10:244::/48'), backend: 'vxlan' };
    expect(initFolder(options)).toEqual([join(path, 'flan.yaml'), join(path, 'leases/network.yaml')]);
    const network = await makeStore({ path: join(path, 'leases') }).network(signal);
    expect(network).toMatchObject({
      ipv4: { network: '10.244.0.0/16' },
      ipv6: { network: 'fd00:10:244::/48' },
      backend: { type: 'vxlan' },
    });
    expect(() => initFolder(options)).toThrow(
      expect.objectContaining({ code: 'E_EXISTS', where: join(path, 'flan.yaml') }),
    );
  });

  test('below a link to nothing, or where nothing can be made, is no matter of permission', () => {
    symlinkSync('nowhere', join(bed.root, 'dangling'));
    for (const path of [join(bed.root, 'dangling'), join(bed.root, 'dangling', 'lab'), '/proc/flan-nope']) {
      expect(() => initFolder({ path, backend: 'host-gw' })).toThrow(
        expect.objectContaining({ code: 'E_FILE', where: path, hint: expect.any(String) }),
      );
    }
  });

  test('IPv6 alone', async () => {
    const path = join(bed.root, 'six');
    initFolder({ path, ipv6: prefix('fd00:10:244::/48'), backend: 'host-gw' });
    const network = await makeStore({ path: join(path, 'leases') }).network(signal);
    expect([network.ipv4, network.ipv6?.subnetLen]).toEqual([undefined, 64]);
  });
});
