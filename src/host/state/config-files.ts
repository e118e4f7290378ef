import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigText } from '../../model/host-state.js';

/** Where systemd looks, the strongest first. @see networkd.conf(5) */
const SYSTEMD = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'];
/** @see NetworkManager.conf(5) */
const NETWORK_MANAGER = ['/etc/NetworkManager', '/run/NetworkManager', '/usr/lib/NetworkManager'];

export const readNetworkdFiles = (root = '/'): readonly ConfigText[] =>
  SYSTEMD.flatMap((folder) => [
    ...textOf(root, join(folder, 'networkd.conf')),
    ...dropIns(root, join(folder, 'networkd.conf.d')),
  ]);

export const readNetworkManagerFiles = (root = '/'): readonly ConfigText[] =>
  NETWORK_MANAGER.flatMap((folder) => [
    ...textOf(root, join(folder, 'NetworkManager.conf')),
    ...dropIns(root, join(folder, 'conf.d')),
  ]);

/** The strongest folder first. @see firewalld.zone(5) */
export const readFirewalldZones = (root = '/'): readonly ConfigText[] =>
  ['/etc/firewalld/zones', '/usr/lib/firewalld/zones'].flatMap((folder) => dropIns(root, folder, '.xml'));

function dropIns(root: string, folder: string, end = '.conf'): readonly ConfigText[] {
  try {
    return readdirSync(join(root, folder))
      .filter((name) => name.endsWith(end))
      .flatMap((name) => textOf(root, join(folder, name)));
  } catch {
    return []; // There is no such folder.
  }
}

/** Named without the root. A link to /dev/null masks the file of that name further down: it reads as an empty one. */
function textOf(root: string, path: string): readonly ConfigText[] {
  const real = join(root, path);
  try {
    if (targetOf(real) === '/dev/null') return [{ path, text: '' }];
    return [{ path, text: readFileSync(real, 'utf8') }];
  } catch {
    return []; // Not there, or not for us.
  }
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
