import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nodeFiles } from '../../src/config/files.js';
import { loadSettings } from '../../src/config/settings.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
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

it('does not wait for a FIFO that nobody writes to, and reads what a shell hands over', () => {
  const pipe = join(folder, 'flan.yaml');
  execFileSync('mkfifo', [pipe]);
  expect(() => nodeFiles.readFile(pipe)).toThrow(/a device or a FIFO, not a regular file/);
  const script = `import { nodeFiles } from '${ROOT}src/config/files.ts'; console.log(nodeFiles.readFile(process.argv[1]))`;
  const command = 'exec "$0" --import tsx --input-type=module -e "$1" <(sleep 0.3; echo node: handed-over)';
  const read = execFileSync('bash', ['-c', command, process.execPath, script], { cwd: ROOT, encoding: 'utf8' });
  expect(read).toBe('node: handed-over\n\n');
});
