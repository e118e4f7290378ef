import type { ConfigText } from '../model/host-state.js';

/** One assignment of an ini file, as systemd and NetworkManager write them. */
export interface Assignment {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly path: string;
  readonly line: number;
}

export function assignments({ path, text }: ConfigText): readonly Assignment[] {
  let section = '';
  return text.split('\n').flatMap((raw, i): Assignment[] => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) return [];
    const header = /^\[(.*)\]$/.exec(line)?.[1];
    if (header !== undefined) section = header;
    const equals = line.indexOf('=');
    if (header !== undefined || equals < 0) return [];
    return [{ section, key: line.slice(0, equals).trim(), value: line.slice(equals + 1).trim(), path, line: i + 1 }];
  });
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

export interface Layout {
  /** The file that drop-ins add to: `networkd.conf`. */
  readonly main: string;
  /** The folder of drop-ins beside it: `networkd.conf.d`. */
  readonly dropIns: string;
  /** Where both may be, the strongest first. */
  readonly folders: readonly string[];
}

/**
 * The files that count, in the order in which they are read, so that the last assignment wins: the strongest main file,
 * then drop-ins by name whatever folder they are in; of two of one name the strongest folder's.
 * @see systemd.syntax(7), networkd.conf(5) "Configuration directories and precedence"
 */
export function inReadingOrder(
  files: readonly ConfigText[],
  { main, dropIns, folders }: Layout,
): readonly ConfigText[] {
  const strength = ({ path }: ConfigText): number =>
    folders.findIndex((folder) => path === `${folder}/${main}` || folderOf(path) === `${folder}/${dropIns}`);
  const known = files.filter((file) => strength(file) >= 0).sort((a, b) => strength(a) - strength(b));
  const first = known
    .filter(({ path }) => nameOf(path) === main && !folderOf(path).endsWith(`/${dropIns}`))
    .slice(0, 1);
  const byName = new Map<string, ConfigText>();
  for (const file of known) {
    const name = nameOf(file.path);
    if (folderOf(file.path).endsWith(`/${dropIns}`) && !byName.has(name)) byName.set(name, file);
  }
  const names = [...byName.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return [...first, ...names.flatMap((name) => byName.get(name) ?? [])];
}
