import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CACHE = fileURLToPath(new URL('../../.cache/node', import.meta.url));

/**
 * Brings a release of Node into .cache/ unless it is there.
 * @returns the folder that its `node` is in
 */
export async function installNode(version: string): Promise<string> {
  const name = `node-linux-${process.arch}`;
  const folder = join(CACHE, `${version}-${process.arch}`);
  const bin = join(folder, 'node_modules', name, 'bin');
  if (existsSync(join(bin, 'node'))) return bin;
  const temporary = `${folder}.${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  try {
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error', '--prefer-offline'];
    await promisify(execFile)('npm', ['install', '--prefix', temporary, ...quiet, `${name}@${version}`]);
    const made = join(temporary, 'node_modules', name, 'bin/node');
    execFileSync(made, ['--version']);
    if (!existsSync(join(bin, 'node'))) renameSync(temporary, folder);
    return bin;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
