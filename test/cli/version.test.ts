import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FLAN, flan } from '../support/cli.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flan-version-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('flan version', () => {
  it('prints what it is and what it runs on', async () => {
    const { code, stdout, stderr } = await flan(['version']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      `flan ${version}`,
      `node ${process.versions.node}`,
      `kernel ${release()}`,
    ]);
  });

  it.each([[['--json']], [['-o', 'json']], [['--output=json']]])('prints one document under %j', async (flags) => {
    const { code, stdout, stderr } = await flan(['version', ...flags]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ format_version: '1.0', kind: 'flan.version', flan: version });
  });

  it.each(['--version', '-V'])('answers %s on one line', async (flag) => {
    expect(await flan([flag])).toMatchObject({ code: 0, stdout: `flan ${version}\n`, stderr: '' });
  });

  it('runs through a symbolic link, as npm installs it', async () => {
    const link = join(home, 'flan');
    symlinkSync(FLAN, link);
    expect(await flan(['version', '--json'], { command: link })).toMatchObject({ code: 0, stderr: '' });
  });
});

// The layout that bin/load.js tells.
const compiledAt = (bytes: Buffer) => 16 + bytes.readUInt32LE(4);
const signed = (bytes: Buffer) => {
  bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12);
  return bytes;
};
const withFlippedBit = (bytes: Buffer, at: number) => {
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes;
};

describe('a Node that is too old', () => {
  it.each(['18.20.4', '20.18.3'])('%s is told so, before anything else runs', async (old) => {
    const preload = join(home, 'old.cjs');
    writeFileSync(
      preload,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${old}' } });`,
    );
    const { code, stdout, stderr } = await flan(['version'], { env: { NODE_OPTIONS: `--require ${preload}` } });
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toMatch(
      new RegExp(`^Error E_NODE_VERSION: flan needs Node 20.19 or newer, this is ${old}\\n  hint:`),
    );
  });
});

describe('the code cache', () => {
  const folder = () => {
    const root = join(home, 'flan');
    return join(root, readdirSync(root)[0] ?? '');
  };
  const run = (env: Record<string, string | undefined> = {}) =>
    flan(['version'], { env: { CACHE_DIRECTORY: undefined, XDG_CACHE_HOME: home, HOME: home, ...env } });
  const pack = () => join(folder(), 'version.pack');
  const inode = () => statSync(pack()).ino;
  const expectSuccess = async (result: ReturnType<typeof run>) =>
    expect(await result).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(`flan ${version}`) });

  it('is written for nobody else to read: first the chunks, then what V8 made of them, and then used', async () => {
    const sizes: number[] = [];
    for (const _ of ['chunks', 'compiled']) {
      await expectSuccess(run());
      expect(readdirSync(folder())).toEqual(['version.pack']);
      sizes.push(statSync(pack()).size);
    }
    expect(sizes[1]).toBeGreaterThan(sizes[0] ?? 0);
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
    const before = inode();
    await expectSuccess(run());
    expect(inode()).toBe(before);
  });

  it.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, 1000)],
    ['cut by a byte', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['empty', () => Buffer.alloc(0)],
    ['no pack', () => Buffer.alloc(100_000, 'x')],
    ['damaged in one bit of the chunks', (bytes: Buffer) => withFlippedBit(bytes, 5000)],
    ['damaged in one bit of the code', (bytes: Buffer) => withFlippedBit(bytes, bytes.length - 1)],
    ['of another build', (bytes: Buffer) => signed(withFlippedBit(bytes, bytes.indexOf('.cjs")')))],
    ['of another Node', (bytes: Buffer) => signed(withFlippedBit(bytes, bytes.indexOf(process.version) + 1))],
    ['of another V8', (bytes: Buffer) => signed(withFlippedBit(bytes, compiledAt(bytes) + 4))],
  ])('is written anew when it is %s', async (_, damage) => {
    await expectSuccess(run());
    await expectSuccess(run());
    const good = readFileSync(pack());
    const before = inode();
    writeFileSync(pack(), damage(good));
    await expectSuccess(run());
    expect(inode()).not.toBe(before);
    await expectSuccess(run());
    expect(readFileSync(pack()).length).toBeGreaterThan(good.length / 2);
  });

  it('holds nothing of a build that was replaced while the command ran', async () => {
    const installed = join(home, 'installed');
    for (const part of ['bin', 'dist', 'package.json'])
      cpSync(join(ROOT, part), join(installed, part), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(installed, 'node_modules'));
    const upgrade = join(home, 'upgrade.cjs');
    const entry = join(installed, 'dist', 'cli.cjs');
    // What `version` says then comes from the new entry alone.
    writeFileSync(
      upgrade,
      `process.on('exit', () => {
        const fs = require('node:fs');
        const before = fs.statSync('${entry}');
        fs.writeFileSync('${entry}', "exports.main = () => console.log('the new one')".padEnd(before.size));
        fs.utimesSync('${entry}', before.atime, before.mtime);
      });`,
    );
    const env = { CACHE_DIRECTORY: undefined, XDG_CACHE_HOME: home, HOME: home };
    const command = join(installed, 'bin', 'flan.js');
    const before = await flan(['version'], { command, env: { ...env, NODE_OPTIONS: `--require ${upgrade}` } });
    expect(before.stdout).toContain(`flan ${version}`);
    for (const _ of ['first', 'second', 'third']) {
      expect(await flan(['version'], { command, env })).toMatchObject({ code: 0, stdout: 'the new one\n' });
    }
  });

  it('leaves nothing of a process that was killed while it wrote', async () => {
    await expectSuccess(run());
    const [old, recent] = [`${pack()}.1`, `${pack()}.2`];
    for (const file of [old, recent]) writeFileSync(file, 'half of one');
    utimesSync(old, new Date(0), new Date(0));
    await expectSuccess(run());
    expect(readdirSync(folder()).sort()).toEqual(['version.pack', 'version.pack.2']);
  });

  it('is not in the stacks of --debug', async () => {
    for (const _ of ['chunks', 'compiled']) await expectSuccess(run());
    const { stderr } = await flan(['version', '--nope', '--debug'], { env: { XDG_CACHE_HOME: home } });
    expect(stderr).toMatch(/\/dist\/[\w-]+\.cjs:\d+:\d+/);
    expect(stderr).not.toContain('.pack');
  });

  it('is left alone where others can write', async () => {
    await expectSuccess(run());
    writeFileSync(pack(), 'planted');
    chmodSync(folder(), 0o777);
    await expectSuccess(run());
    expect(readFileSync(pack(), 'utf8')).toBe('planted');
  });

  it.skipIf(process.getuid?.() !== 0)('is not made in a home of somebody else (sudo)', async () => {
    chownSync(home, 65534, 65534);
    await expectSuccess(run());
    expect(existsSync(join(home, 'flan'))).toBe(false);
  });

  it('is done without when there is no place for it', async () => {
    await expectSuccess(run({ XDG_CACHE_HOME: undefined, HOME: undefined }));
    await expectSuccess(run({ XDG_CACHE_HOME: '/proc/nowhere' }));
  });

  it("goes to the service manager's directory", async () => {
    const service = join(home, 'service');
    mkdirSync(service, { mode: 0o755 });
    await expectSuccess(run({ CACHE_DIRECTORY: service }));
    expect(readdirSync(service)).toEqual([expect.stringMatching('^[0-9a-f]+$')]);
    expect(existsSync(join(home, 'flan'))).toBe(false);
  });

  it('is not written by a run that fails', async () => {
    expect((await flan(['version', '--nope'], { env: { XDG_CACHE_HOME: home } })).code).toBe(64);
    expect(existsSync(join(home, 'flan'))).toBe(false);
  });
});
