import { lstatSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FlanError } from '../errors.js';
import type { Json } from '../model/json.js';
import type { Warning } from '../model/warning.js';
import { writeFileAtomic } from '../sys/atomic-file.js';
import { makeFolder } from '../sys/make-folder.js';
import { FLANNEL_NAMES, halfWritten, isFlannels, missingPlugins, parseCniConf, shadowing } from './cni-conf.js';

export interface CniInstallation {
  /** The configuration to install. */
  readonly source: string;
  /** Where runtimes look; made when it is missing. */
  readonly folder: string;
  /** What the file is called there. */
  readonly name: string;
  /** Where the programs of plugins are; without it nobody looks whether they are there. */
  readonly programs?: string | undefined;
}

export interface InstalledCni {
  readonly path: string;
  readonly state: 'written' | 'unchanged';
  /** What flannel, or a run that was killed, had left in the way. */
  readonly removed: readonly string[];
  readonly warnings: readonly Warning[];
}

/** Everybody may read it: it holds no secret, and crictl asks for it as an ordinary user. */
const MODE = 0o644;

/**
 * Puts a CNI configuration where runtimes find it. They see the old file or the new one, never half of it; nothing is
 * written when it is there already, so that a runtime that watches the folder is not woken.
 * @throws {FlanError} E_DATA when it is no CNI configuration; E_FILE, E_PERMISSION when a file cannot be used
 */
export function installCni({ source, folder, name, programs }: CniInstallation): InstalledCni {
  const text = attempt('read', source, () => readFileSync(source, 'utf8'));
  const conf = parseCniConf(parse(text, source), source);
  const path = join(folder, name);
  const before = attempt('make', folder, () => {
    makeFolder(folder, 0o755);
    return readdirSync(folder);
  });
  const leftovers = halfWritten(name, before);
  for (const file of leftovers) remove(join(folder, file));
  const isThere = attempt('read', path, () => holds(path, text));
  if (!isThere) attempt('write', path, () => writeFileAtomic(path, text, MODE));
  // Only now: as long as there was no other, a runtime went on with the old one.
  const outdated = FLANNEL_NAMES.filter((file) => file !== name && before.includes(file) && isOld(join(folder, file)));
  for (const file of outdated) remove(join(folder, file));
  const installed = programs === undefined ? conf.plugins : attempt('list', programs, () => readdirSync(programs));
  return {
    path,
    state: isThere ? 'unchanged' : 'written',
    removed: [...leftovers, ...outdated],
    warnings: [
      ...shadowing(
        name,
        before.filter((file) => !outdated.includes(file)),
      ),
      ...missingPlugins(conf, installed),
    ],
  };
}

/** Same content, same mode, and a file of its own rather than a link that leads elsewhere. */
function holds(path: string, text: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && (stat.mode & 0o777) === MODE && readFileSync(path, 'utf8') === text;
}

const isOld = (path: string): boolean =>
  attempt(
    'read',
    path,
    () => statSync(path, { throwIfNoEntry: false })?.isFile() && isFlannels(readFileSync(path, 'utf8')),
  ) === true;

const remove = (path: string): void => attempt('remove', path, () => rmSync(path, { force: true }));

function parse(text: string, where: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new FlanError('E_DATA', 'not a CNI configuration: it is not valid JSON', {
      where,
      hint: 'Look at cni-conf.json in the ConfigMap.',
      cause,
    });
  }
}

function attempt<T>(verb: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    const isDenied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
    throw new FlanError(isDenied ? 'E_PERMISSION' : 'E_FILE', `cannot ${verb} ${path}: ${code}`, {
      where: path,
      hint: isDenied
        ? 'Run it as root, with the folder of the host mounted for writing.'
        : 'Check the path and what is mounted there.',
      cause,
    });
  }
}
