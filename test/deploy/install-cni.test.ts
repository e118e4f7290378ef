import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isFlannels, parseCniConf } from '../../src/host/cni-conf.js';
import { flan } from '../support/cli.js';
import { documentOf } from '../support/fake-kube/manifest.js';

const CONF = (documentOf('ConfigMap') as { data: Record<string, string> }).data['cni-conf.json'] ?? '';

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'flan-cni-'));
  folder = join(root, 'net.d');
  writeFileSync(join(root, 'cni-conf.json'), CONF);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const install = (...args: readonly string[]) =>
  flan(['install-cni', '--conf', join(root, 'cni-conf.json'), '--dir', folder, ...args]);
const put = (name: string, text: string): void => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
};
const content = (name = '10-flannel.conflist'): string => readFileSync(join(folder, name), 'utf8');

describe('flan install-cni', () => {
  it('installs the configuration of the manifest as it stands, for everybody to read', async () => {
    const path = join(folder, '10-flannel.conflist');
    expect(await install()).toMatchObject({ code: 0, stderr: '', stdout: `written ${path}\n` });
    expect(content()).toBe(CONF);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder)).toEqual(['10-flannel.conflist']);
  });

  it('writes nothing when it is there already, and puts a wrong mode right', async () => {
    await install();
    const path = join(folder, '10-flannel.conflist');
    const { ino, mtimeMs } = statSync(path);
    expect(await install()).toMatchObject({ code: 0, stdout: `unchanged ${path}\n` });
    expect(statSync(path)).toMatchObject({ ino, mtimeMs });
    chmodSync(path, 0o600);
    expect(await install()).toMatchObject({ code: 0, stdout: `written ${path}\n` });
    expect(statSync(path).mode & 0o777).toBe(0o644);
  });

  it('replaces in one step: whoever has the old file open reads it to its end', async () => {
    put('10-flannel.conflist', '{"old": true}');
    const reader = openSync(join(folder, '10-flannel.conflist'), 'r');
    try {
      expect((await install()).code).toBe(0);
      expect(readFileSync(reader, 'utf8')).toBe('{"old": true}');
      expect(content()).toBe(CONF);
    } finally {
      closeSync(reader);
    }
  });

  it('does not write through a link that leads elsewhere', async () => {
    const elsewhere = join(root, 'elsewhere');
    writeFileSync(elsewhere, CONF);
    mkdirSync(folder);
    symlinkSync(elsewhere, join(folder, '10-flannel.conflist'));
    expect((await install()).stdout).toMatch(/^written /);
    rmSync(elsewhere);
    expect(content()).toBe(CONF);
  });

  it('removes copies of a run that was killed, and the name that flannel used before', async () => {
    put('.10-flannel.conflist.1.1', CONF.slice(0, 20));
    put('.10-flannel.conflist.tmp', CONF.slice(0, 20));
    put('10-flannel.conf', '{"name": "cbr0", "type": "flannel", "delegate": {}}');
    put('.10-flannel.conflist.bak', 'of somebody');
    const { code, stdout, stderr } = await install('--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { removed, ...document } = JSON.parse(stdout);
    expect({ ...document, removed: removed.sort() }).toEqual({
      format_version: expect.any(String),
      kind: 'flan.install-cni',
      path: join(folder, '10-flannel.conflist'),
      state: 'written',
      removed: ['.10-flannel.conflist.1.1', '.10-flannel.conflist.tmp', '10-flannel.conf'],
      warnings: [],
    });
    expect(readdirSync(folder).sort()).toEqual(['.10-flannel.conflist.bak', '10-flannel.conflist']);
  });

  it('leaves what is not flannel’s, and tells when the runtime would take that', async () => {
    put('10-flannel.conf', '{"name": "mine", "type": "bridge"}');
    put('00-readme.txt', 'no configuration');
    const { code, stderr } = await install();
    expect(code).toBe(0);
    expect(stderr).toContain('Warning W_CNI_SHADOWED: 10-flannel.conf comes before 10-flannel.conflist');
    expect(existsSync(join(folder, '10-flannel.conf'))).toBe(true);
    const first = await install('--name', '05-flannel.conflist');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    // The one under flannel's own name is the same network twice.
    expect(readdirSync(folder).sort()).toEqual(['00-readme.txt', '05-flannel.conflist', '10-flannel.conf']);
  });

  it('tells which plugins are not installed', async () => {
    const programs = join(root, 'bin');
    mkdirSync(programs);
    writeFileSync(join(programs, 'flannel'), '');
    expect((await install('--plugins', programs)).stderr).toContain(
      "Warning W_CNI_PLUGIN_MISSING: the configuration names 'portmap'",
    );
    writeFileSync(join(programs, 'portmap'), '');
    expect((await install('--plugins', programs)).stderr).toBe('');
  });

  it.each([
    ['{', /not valid JSON/],
    ['[]', /must be an object/],
    ['{"cniVersion": "0.3.1", "plugins": [{"type": "flannel"}]}', /`name` is missing/],
    ['{"name": "cbr0", "plugins": [{"type": "flannel"}]}', /`cniVersion` is missing/],
    ['{"name": "cbr0", "cniVersion": "0.3.1", "plugins": []}', /at least one/],
    ['{"name": "cbr0", "cniVersion": "0.3.1", "plugins": [{"type": "../sh"}]}', /plugin 1 has no `type`/],
    ['{"name": "cbr0", "cniVersion": "0.3.1", "type": "flannel"}', /the single plugin 'flannel', not a list/],
  ])('refuses %s and leaves the file that is there', async (text, why) => {
    put('10-flannel.conflist', CONF);
    writeFileSync(join(root, 'cni-conf.json'), text);
    const { code, stderr } = await install();
    expect({ code, stderr }).toEqual({
      code: 65,
      stderr: expect.stringMatching(/^Error E_DATA: not a CNI configuration/),
    });
    expect(stderr).toMatch(why);
    expect(stderr).toContain(join(root, 'cni-conf.json'));
    expect(content()).toBe(CONF);
  });

  it('names a file that is not there, and refuses a name that no runtime reads', async () => {
    rmSync(join(root, 'cni-conf.json'));
    expect(await install()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error E_FILE: cannot read .*cni-conf.json: ENOENT/),
    });
    expect(await install('--name', '10-flannel.conf')).toMatchObject({ code: 64 });
    expect(await install('--name', '../10.conflist')).toMatchObject({ code: 64 });
  });
});

describe('CNI configurations', () => {
  it('give their name and their plugins in order', () => {
    expect(parseCniConf(JSON.parse(CONF), 'x')).toEqual({ name: 'cbr0', plugins: ['flannel', 'portmap'] });
  });

  it('are flannel’s by the plugin and not by the name of the file', () => {
    expect(isFlannels(CONF)).toBe(true);
    expect(isFlannels('{"type": "flannel"}')).toBe(true);
    expect(isFlannels('{"type": "bridge", "name": "flannel"}')).toBe(false);
    expect(isFlannels('{"plugins": [null]}')).toBe(false);
    expect(isFlannels('flannel')).toBe(false);
  });
});
