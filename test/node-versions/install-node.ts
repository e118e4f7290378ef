import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CACHE = fileURLToPath(new URL('../../.cache/node', import.meta.url));

export type NodeInstallation =
  | { readonly type: 'installed' /** What its `node` is in. */; readonly folder: string }
  | { readonly type: 'offline'; readonly why: string };

/** What npm says when no registry can be asked. */
const OFFLINE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED/;

/** Brings a release of Node into .cache/ unless it is there. */
export async function installNode(version: string): Promise<NodeInstallation> {
  const name = `node-linux-${process.arch}`;
  const folder = join(CACHE, `${version}-${process.arch}`);
  const bin = join(folder, 'node_modules', name, 'bin');
  const installed = { type: 'installed', folder: bin } as const;
  if (existsSync(join(bin, 'node'))) return installed;
  const temporary = `${folder}.${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  try {
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error', '--prefer-offline'];
    await promisify(execFile)('npm', ['install', '--prefix', temporary, ...quiet, `${name}@${version}`]);
    const made = join(temporary, 'node_modules', name, 'bin/node');
    execFileSync(made, ['--version']);
    if (!existsSync(join(bin, 'node'))) renameSync(temporary, folder);
    return installed;
  } catch (error) {
    if (!OFFLINE.test(String(error))) throw error;
    return { type: 'offline', why: `${name}@${version} cannot be had: ${error}` };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
