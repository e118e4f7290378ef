import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LeaseEvent } from '../../../src/leases/store.js';
import { CONTRACT_NETWORK, type Following, follow, peer } from '../../contracts/lease-store.js';
import { kernelTest } from '../../support/kernel.js';
import { type FileBed, folderBed, makeStore, netConf } from './bed.js';

let bed: FileBed;
let controller: AbortController;
beforeEach(async () => {
  bed = await folderBed();
  controller = new AbortController();
  await bed.configure(CONTRACT_NETWORK);
});
afterEach(async () => {
  controller.abort();
  await bed.close();
});

const watch = (options = {}): Following => follow(makeStore({ path: bed.path, ...options }), controller.signal);
const yaml = (n: number, publicIP = `192.0.2.${n}`) => `node: n${n}\nsubnet: 10.3.${n}.0/24\npublicIP: ${publicIP}\n`;
const kinds = (events: readonly LeaseEvent[]) => events.map(({ type }) => type);
const has = (following: Following, text: string) => following.view().some((line) => line.includes(text));

describe('files', () => {
  test('renamed over, as editors do, is one change', async () => {
    bed.write('b.yaml', yaml(2));
    const heard = watch();
    await heard.until(() => heard.view().length === 1);
    bed.write('b.yaml.tmp', yaml(2, '192.0.2.22'));
    renameSync(join(bed.path, 'b.yaml.tmp'), join(bed.path, 'b.yaml'));
    await heard.until(() => has(heard, '192.0.2.22'));
    expect(kinds(heard.events)).toEqual(['snapshot', 'put']);
  });

  test('written again with the same content says nothing', async () => {
    bed.write('b.yaml', yaml(2));
    const heard = watch();
    await heard.until(() => heard.view().length === 1);
    bed.write('b.yaml', `# a comment\n${yaml(2)}`);
    bed.write('c.yaml', yaml(3));
    await heard.until(() => heard.view().length === 2);
    expect(kinds(heard.events)).toEqual(['snapshot', 'put']);
  });

  test('half written: nothing is said, and the lease stays', async () => {
    bed.write('b.json', JSON.stringify({ subnet: '10.3.2.0/24', publicIP: '192.0.2.2' }));
    const heard = watch();
    await heard.until(() => heard.view().length === 1);
    const fd = openSync(join(bed.path, 'b.json'), 'w');
    writeSync(fd, '{"subnet": "10.3.2.0/24", ');
    bed.write('c.yaml', yaml(3));
    await heard.until(() => heard.view().length === 2);
    writeSync(fd, '"publicIP": "192.0.2.22"}');
    closeSync(fd);
    await heard.until(() => has(heard, '192.0.2.22'));
    expect(kinds(heard.events)).not.toContain('delete');
  });

  test('broken for good: told once, the lease stays, and a repair takes effect', async () => {
    bed.write('b.yaml', yaml(2));
    const heard = watch();
    await heard.until(() => heard.view().length === 1);
    bed.write('b.yaml', 'subnet: [');
    await heard.until(() => heard.rejected().length === 1);
    bed.write('c.yaml', yaml(3));
    await heard.until(() => heard.view().length === 2);
    bed.write('b.yaml', yaml(2, '192.0.2.22'));
    await heard.until(() => has(heard, '192.0.2.22'));
    expect(kinds(heard.events)).toEqual(['snapshot', 'reject', 'put', 'put']);
  });

  test('emptied: counts as broken; removed: the lease goes', async () => {
    bed.write('b.yaml', yaml(2));
    const heard = watch();
    await heard.until(() => heard.view().length === 1);
    bed.write('b.yaml', '');
    await heard.until(() => heard.rejected().length === 1);
    expect(heard.view()).toHaveLength(1);
    rmSync(join(bed.path, 'b.yaml'));
    await heard.until(() => heard.view().length === 0);
    expect(kinds(heard.events)).toEqual(['snapshot', 'reject', 'delete']);
  });

  test('one bad item of a list keeps what that item was', async () => {
    const list = (second: string) =>
      `- {subnet: 10.3.1.0/24, publicIP: 192.0.2.1}\n- {subnet: ${second}, publicIP: 192.0.2.2}\n`;
    bed.write('all.yaml', list('10.3.2.0/24'));
    const heard = watch();
    await heard.until(() => heard.view().length === 2);
    bed.write('all.yaml', list('nonsense'));
    await heard.until(() => heard.rejected().length === 1);
    expect(heard.view()).toHaveLength(2);
    bed.write('all.yaml', list('10.3.4.0/24'));
    await heard.until(() => has(heard, '10.3.4.0-24') && !has(heard, '10.3.2.0-24'));
  });

  test('the second file with a subnet takes over when the first goes', async () => {
    bed.write('a.yaml', yaml(2, '192.0.2.101'));
    bed.write('b.yaml', yaml(2, '192.0.2.102'));
    const heard = watch();
    await heard.until(() => heard.view().length === 1);
    expect(heard.rejected()).toHaveLength(1);
    expect(has(heard, '192.0.2.101')).toBe(true);
    rmSync(join(bed.path, 'a.yaml'));
    await heard.until(() => has(heard, '192.0.2.102'));
    expect(kinds(heard.events)).toEqual(['snapshot', 'put']);
  });

  test('a lease goes when it expires, though nobody touches its file', async () => {
    let nowMs = Date.UTC(2026, 0, 31);
    bed.write('b.yaml', `${yaml(2)}expires: ${new Date(nowMs + 30).toISOString()}\n`);
    bed.write('c.yaml', yaml(3));
    const heard = watch({ now: () => nowMs });
    await heard.until(() => heard.view().length === 2);
    nowMs += 30;
    await heard.until(() => heard.view().length === 1);
    expect(has(heard, '10.3.3.0-24')).toBe(true);
  });

  test('thousands at once all arrive', async () => {
    const heard = watch();
    await heard.until(() => heard.events.length > 0);
    for (let n = 0; n < 3000; n++) {
      bed.write(`n${n}.json`, JSON.stringify({ subnet: `10.${n >> 8}.${n & 255}.0/24`, publicIP: '192.0.2.1' }));
    }
    await heard.until(() => heard.events.length > 3000);
    expect(heard.view()).toHaveLength(3000);
    expect(heard.rejected()).toEqual([]);
  });
});

kernelTest(
  'a folder that is mounted again, of which nothing tells, is back by the time that was named',
  {},
  async (k) => {
    const heard = watch();
    await heard.until(() => heard.events.length === 1);
    rmSync(join(bed.path, 'network.json'));
    await heard.until(() => heard.states.at(-1)?.state === 'disconnected');
    const away = heard.states.at(-1);
    expect(away?.state === 'disconnected' && away.retryInMs).toBeGreaterThan(0);
    const mounted = join(bed.root, 'mounted');
    mkdirSync(mounted);
    writeFileSync(join(mounted, 'network.json'), JSON.stringify(netConf(CONTRACT_NETWORK)));
    writeFileSync(join(mounted, 'b.yaml'), yaml(2));
    execFileSync('mount', ['--bind', mounted, bed.path]);
    k.onEnd(() => execFileSync('umount', [bed.path]));
    await heard.until(() => heard.view().length === 1);
    expect(heard.states.at(-1)).toEqual({ state: 'connected' });
  },
);

describe('the folder', () => {
  test('removed and made again at the same place: nothing is said between, then a snapshot', async () => {
    await bed.put(peer(1));
    const heard = watch();
    await heard.until(() => heard.view().length === 1);
    // The config goes first: leases removed one by one before it are leases that were removed.
    rmSync(join(bed.path, 'network.json'));
    await heard.until(() => heard.states.at(-1)?.state === 'disconnected');
    rmSync(bed.path, { recursive: true });
    mkdirSync(bed.path);
    await bed.put(peer(2));
    await bed.configure(CONTRACT_NETWORK);
    await heard.until(() => heard.view().length === 1 && has(heard, '10.3.2.0-24'));
    expect(kinds(heard.events)).toEqual(['snapshot', 'snapshot']);
    await bed.put(peer(3));
    await heard.until(() => heard.view().length === 2);
  });

  test('not there yet, nor the one above it: waits', async () => {
    rmSync(bed.path, { recursive: true });
    const above = join(bed.root, 'mnt');
    const path = join(above, 'leases');
    const heard = follow(makeStore({ path }), controller.signal);
    await heard.until(() => heard.states.at(-1)?.state === 'disconnected');
    mkdirSync(above);
    mkdirSync(path);
    writeFileSync(join(path, 'network.json'), JSON.stringify(netConf(CONTRACT_NETWORK)));
    await heard.until(() => heard.events.length === 1);
    writeFileSync(join(path, 'b.yaml'), yaml(2));
    await heard.until(() => heard.view().length === 1);
  });

  test('without its network config it is not the folder we know: an unmounted disk', async () => {
    await bed.put(peer(1));
    const heard = watch();
    await heard.until(() => heard.view().length === 1);
    rmSync(join(bed.path, 'network.json'));
    await bed.remove(peer(1).key);
    await heard.until(() => heard.states.at(-1)?.state === 'disconnected');
    expect(kinds(heard.events).filter((kind) => kind !== 'snapshot')).toEqual([]);
    expect(heard.view()).toHaveLength(1);
    await bed.configure(CONTRACT_NETWORK);
    await heard.until(() => heard.view().length === 0);
  });

  test('a link that is pointed elsewhere', async () => {
    const [one, two, link] = ['one', 'two', 'link'].map((name) => join(bed.root, name)) as [string, string, string];
    for (const [path, n] of [
      [one, 1],
      [two, 2],
    ] as const) {
      mkdirSync(path);
      writeFileSync(join(path, 'network.json'), JSON.stringify(netConf(CONTRACT_NETWORK)));
      writeFileSync(join(path, 'x.yaml'), yaml(n));
    }
    symlinkSync(one, link);
    const heard = follow(makeStore({ path: link }), controller.signal);
    await heard.until(() => has(heard, '10.3.1.0-24'));
    symlinkSync(two, `${link}.new`);
    renameSync(`${link}.new`, link);
    await heard.until(() => has(heard, '10.3.2.0-24') && heard.view().length === 1);
    writeFileSync(join(two, 'y.yaml'), yaml(3));
    await heard.until(() => heard.view().length === 2);
  });

  test('swapped as Kubernetes swaps a mounted ConfigMap', async () => {
    const fill = (name: string, n: number) => {
      mkdirSync(join(bed.path, name));
      writeFileSync(join(bed.path, name, 'b.yaml'), yaml(2, `192.0.2.${n}`));
    };
    fill('..one', 21);
    fill('..two', 22);
    symlinkSync('..one', join(bed.path, '..data'));
    symlinkSync('..data/b.yaml', join(bed.path, 'b.yaml'));
    const heard = watch();
    await heard.until(() => has(heard, '192.0.2.21'));
    symlinkSync('..two', join(bed.path, '..data_tmp'));
    renameSync(join(bed.path, '..data_tmp'), join(bed.path, '..data'));
    await heard.until(() => has(heard, '192.0.2.22'));
    expect(kinds(heard.events)).toEqual(['snapshot', 'put']);
  });
});
