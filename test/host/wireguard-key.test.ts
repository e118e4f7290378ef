import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ensureWireguardKey,
  keyFileWarnings,
  readWireguardKey,
  replaceWireguardKey,
  wireguardKeyOf,
} from '../../src/host/wireguard-key.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flan-wgkey-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const file = (): string => join(folder, 'deep', 'wgkey');

describe('the WireGuard key of a node', () => {
  it('has the public half that multiplying the base point gives', () => {
    // RFC 7748 §6.1: X25519(secret, 9).
    const secret = Buffer.alloc(32, 0x42);
    const privateKey = createPrivateKey({
      key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), secret]),
      format: 'der',
      type: 'pkcs8',
    });
    const nine = Buffer.concat([Buffer.from([9]), Buffer.alloc(31)]).toString('base64url');
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: nine }, format: 'jwk' });
    const product = diffieHellman({ privateKey, publicKey }).toString('base64');
    expect(wireguardKeyOf(secret).publicKey).toBe(product);
  });

  it('is made once, for its owner alone, and stays', () => {
    const made = ensureWireguardKey(file());
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readFileSync(file(), 'utf8')).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(ensureWireguardKey(file()).publicKey).toBe(made.publicKey);
    expect(readWireguardKey(file())?.publicKey).toBe(made.publicKey);
    expect(readdirSync(join(folder, 'deep'))).toEqual(['wgkey']);
    expect(keyFileWarnings(file())).toEqual([]);
  });

  it('is another one after it was replaced', () => {
    const before = ensureWireguardKey(file());
    const now = replaceWireguardKey(file());
    expect(now.publicKey).not.toBe(before.publicKey);
    expect(readWireguardKey(file())?.publicKey).toBe(now.publicKey);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('is one key however many make it at once', async () => {
    const source = `import { ensureWireguardKey } from ${JSON.stringify(join(import.meta.dirname, '../../src/host/wireguard-key.ts'))}; console.log(ensureWireguardKey(process.argv[2]).publicKey);`;
    const program = join(folder, 'make.mts');
    writeFileSync(program, source);
    const tsx = join(import.meta.dirname, '../../node_modules/.bin/tsx');
    const runs = await Promise.all(Array.from({ length: 4 }, () => promisify(execFile)(tsx, [program, file()])));
    expect(new Set(runs.map(({ stdout }) => stdout.trim())).size).toBe(1);
    expect(readdirSync(join(folder, 'deep'))).toEqual(['wgkey']);
  });

  it('reads what flanneld wrote, and says when others can read it too', () => {
    const path = join(folder, 'wgkey');
    writeFileSync(path, Buffer.alloc(32, 7).toString('base64'));
    chmodSync(path, 0o644);
    expect(readWireguardKey(path)?.publicKey).toBe(wireguardKeyOf(Buffer.alloc(32, 7)).publicKey);
    expect(keyFileWarnings(path).map(({ code }) => code)).toEqual(['W_KEY_FILE_MODE']);
  });

  it.each(['', 'not a key', 'AAAA', `${Buffer.alloc(31, 1).toString('base64')}`])(
    'refuses %j and does not repeat it',
    (text) => {
      const path = join(folder, 'wgkey');
      writeFileSync(path, text);
      let error: unknown;
      try {
        readWireguardKey(path);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ code: 'E_DATA', where: path });
      if (text !== '') expect((error as Error).message).not.toContain(text);
    },
  );

  it('does not print its private half', () => {
    const key = ensureWireguardKey(file());
    const secret = readFileSync(file(), 'utf8');
    expect(`${JSON.stringify(key)} ${inspect(key, { depth: 9, showHidden: true })}`).not.toContain(secret);
  });
});
