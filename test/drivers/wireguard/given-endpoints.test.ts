import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { givenEndpoints } from '../../../src/drivers/wireguard/given-endpoints.js';
import { wireguardPeerKey } from '../../../src/kinds/wireguard-peer.js';

const key = wireguardPeerKey('flannel-wg', 'K');

function place() {
  const dir = mkdtempSync(join(tmpdir(), 'flan-given-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const runtimeDir = join(dir, 'run');
  return { runtimeDir, only: () => join(runtimeDir, readdirSync(runtimeDir)[0] ?? '') };
}

test('the next flan knows what a peer was given, until the peer goes', () => {
  const { runtimeDir, only } = place();
  const [one, next] = [givenEndpoints({ runtimeDir }), givenEndpoints({ runtimeDir })];
  one.note(key, '192.0.2.2:51820');
  next.load();
  expect(next.get(key)).toBeUndefined();
  one.save();
  next.load();
  expect(next.get(key)).toBe('192.0.2.2:51820');
  expect(statSync(only()).mode & 0o777).toBe(0o600);
  one.note(key, undefined);
  one.save();
  expect(readdirSync(runtimeDir)).toEqual([]);
});

test('what was noted is not lost to a look at the file', () => {
  const { runtimeDir } = place();
  const one = givenEndpoints({ runtimeDir });
  one.note(key, '192.0.2.2:51820');
  one.load();
  expect(one.get(key)).toBe('192.0.2.2:51820');
});

test('a file that is none counts as empty', () => {
  const { runtimeDir, only } = place();
  const one = givenEndpoints({ runtimeDir });
  one.note(key, '192.0.2.2:51820');
  one.save();
  for (const content of ['{', 'null', '[]', '{"a":1}', '']) {
    writeFileSync(only(), content);
    one.load();
    expect(one.get(key)).toBeUndefined();
  }
});

test('what could not be written is still known, and written later', () => {
  const { runtimeDir, only } = place();
  writeFileSync(runtimeDir, 'in the way');
  const one = givenEndpoints({ runtimeDir });
  one.note(key, '192.0.2.2:51820');
  one.save();
  one.load();
  expect(one.get(key)).toBe('192.0.2.2:51820');
  rmSync(runtimeDir);
  one.save();
  expect(readFileSync(only(), 'utf8')).toContain('192.0.2.2:51820');
});
