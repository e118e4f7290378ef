import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nodeFiles } from '../../src/config/files.js';
import { loadSettings } from '../../src/config/settings.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flan-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('reads real files, and takes only absent ones for absent', async () => {
  writeFileSync(join(folder, 'flan.yaml'), 'node: from-file\n');
  const { settings, origins } = await loadSettings({ flags: {}, env: {}, cwd: folder, ...nodeFiles });
  expect([settings.node, origins.node.text]).toEqual(['from-file', `${join(folder, 'flan.yaml')}:1`]);
  expect(nodeFiles.readFile(join(folder, 'flan.yaml', 'below'))).toBeUndefined();
  await expect(loadSettings({ flags: {}, env: {}, cwd: '/', configFile: folder, ...nodeFiles })).rejects.toMatchObject({
    code: 'E_CONFIG',
    where: folder,
    message: expect.stringContaining('EISDIR'),
  });
});
