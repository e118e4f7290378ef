import { resolve } from 'node:path';
import { FlanError } from '../errors.js';
import type { Warning } from '../model/warning.js';
import { SETTINGS, type SettingDefinition } from './settings-definitions.js';
import {
  DEFAULT,
  type Decided,
  decideLeases,
  decidePassword,
  decideStateDir,
  decideStore,
  type Origin,
} from './settings-derived.js';
import { type RawSetting, type ReadFile, readSettingsFile } from './settings-file.js';
import { decideAsFlanneld } from './settings-flanneld.js';
import {
  type Environment,
  environmentLayer,
  environmentWarnings,
  type FlagValues,
  flagLayer,
  flagWarnings,
  flannelLayer,
  type Layer,
} from './settings-sources.js';
import type { SettingKey, Settings } from './settings-table.js';

export { SETTINGS } from './settings-definitions.js';
export { compilePattern, type SettingKey, type Settings } from './settings-table.js';

export interface LoadedSettings {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingKey, Origin>>;
  readonly warnings: readonly Warning[];
}

export interface SettingsInput {
  readonly flags: FlagValues;
  readonly env: Environment;
  readonly cwd: string;
  /** `-c FILE`: takes the place of ./flan.yaml and must exist. `FLAN_CONFIG` says the same. */
  readonly configFile?: string | undefined;
  readonly readFile: ReadFile;
  readonly exists: (path: string) => boolean;
  /** Names in a folder; none where there is no folder, or no folders are looked into. */
  readonly list?: ((path: string) => readonly string[]) | undefined;
}

/**
 * Puts the settings together: flags > FLAN_* > FLANNELD_* > `-c FILE` or ./flan.yaml > the user's file >
 * /etc/flan/conf.d/*.yaml (the last name first) > /etc/flan/config.yaml > defaults.
 * @throws {FlanError} E_USAGE for a wrong flag; E_CONFIG for anything else that is wrong
 */
export async function loadSettings(input: SettingsInput): Promise<LoadedSettings> {
  const { flags, env, cwd } = input;
  const sources: readonly Source[] = [
    { level: 'flag', layer: flagLayer(flags, cwd) },
    { level: 'environment', layer: environmentLayer(env, cwd) },
    { level: 'environment', layer: flannelLayer(env, cwd) },
    { level: 'file', layer: await namedFile(input) },
    ...(await Promise.all(userFiles(input).map((path) => fileSource(path, ifAllowed(input.readFile))))),
    ...(await Promise.all(systemFiles(input).map((path) => fileSource(path, input.readFile)))),
  ];
  const found = new Map(SETTINGS.map((definition) => [definition.key, decideOne(definition, sources)]));
  decideStore(found);
  decideAsFlanneld(found, env);
  decideLeases(found, input);
  decideStateDir(found, env);
  decidePassword(found, input.readFile);
  const settings = Object.fromEntries([...found].map(([key, { value }]) => [key, value])) as unknown as Settings;
  const origins = Object.fromEntries([...found].map(([key, { origin }]) => [key, origin])) as LoadedSettings['origins'];
  checkTogether(settings, origins);
  return { settings, origins, warnings: [...flagWarnings(flags), ...environmentWarnings(env)] };
}

export const SYSTEM_FILE = '/etc/flan/config.yaml';
/** Each file there is somebody's part of the settings of a host. */
const SYSTEM_FOLDER = '/etc/flan/conf.d';

/** @see XDG Base Directory Specification */
function userFiles({ env }: SettingsInput): readonly string[] {
  const folder = env.XDG_CONFIG_HOME?.startsWith('/') ? env.XDG_CONFIG_HOME : env.HOME && `${env.HOME}/.config`;
  return folder ? [`${folder}/flan/config.yaml`] : [];
}

/** The strongest first. */
function systemFiles({ list = () => [] }: SettingsInput): readonly string[] {
  const names = list(SYSTEM_FOLDER).filter((name) => /^[^.].*\.ya?ml$/.test(name));
  const parts = names.toSorted().toReversed();
  return [...parts.map((name) => `${SYSTEM_FOLDER}/${name}`), SYSTEM_FILE];
}

/** Services are often kept out of all homes, root's among them: that is no mistake in the settings. */
const ifAllowed =
  (readFile: ReadFile): ReadFile =>
  (path) => {
    try {
      return readFile(path);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EACCES') return undefined;
      throw error;
    }
  };

const fileSource = async (path: string, readFile: ReadFile): Promise<Source> => ({
  level: 'file',
  layer: (await readSettingsFile(path, readFile)) ?? new Map(),
});

interface Source {
  readonly level: Origin['level'];
  readonly layer: Layer;
}

async function namedFile({ configFile, env, cwd, readFile }: SettingsInput): Promise<Layer> {
  const named = configFile ?? (env.FLAN_CONFIG || undefined);
  const path = resolve(cwd, named ?? 'flan.yaml');
  const layer = await readSettingsFile(path, readFile);
  if (layer === undefined && named !== undefined) {
    throw new FlanError('E_CONFIG', `there is no settings file ${path}`, {
      where: configFile === undefined ? 'environment FLAN_CONFIG' : 'flag --config',
      hint: 'Give the path of a file that exists, or leave it out.',
    });
  }
  return layer ?? new Map();
}

function decideOne(definition: SettingDefinition, sources: readonly Source[]): Decided {
  for (const [rank, { level, layer }] of sources.entries()) {
    const given = layer.get(definition.key);
    if (given === undefined) continue;
    const value = given.refused === undefined ? definition.decode(given.raw, given.base) : undefined;
    if (value === undefined) throw wrongValue({ definition, given, level });
    return { value, origin: { level, text: given.origin }, rank };
  }
  return { value: definition.default, origin: DEFAULT, rank: Number.POSITIVE_INFINITY };
}

interface WrongValue {
  readonly definition: SettingDefinition;
  readonly given: RawSetting;
  readonly level: Origin['level'];
}

function wrongValue({ definition, given, level }: WrongValue): FlanError {
  const { key, expects, secret } = definition;
  const written = secret ? '' : `, not ${presentable(given.raw)}`;
  return new FlanError(
    level === 'flag' ? 'E_USAGE' : 'E_CONFIG',
    `${key} must be ${given.refused ?? expects}${written}`,
    {
      where: given.origin,
      hint: `It comes from ${given.origin}.`,
    },
  );
}

/** Quoted and cut short, without the password that a URL may hold. */
const presentable = (raw: unknown): string =>
  (typeof raw === 'string' ? `'${raw}'` : String(JSON.stringify(raw))).replace(/\/\/[^/@]*@/g, '//…@').slice(0, 80);

/** What single values cannot tell. */
function checkTogether(settings: Settings, origins: LoadedSettings['origins']): void {
  if (settings.leaseRenewMargin >= settings.leaseTtl) {
    const from = origins.leaseTtl.level === 'default' ? origins.leaseRenewMargin : origins.leaseTtl;
    throw new FlanError(
      'E_CONFIG',
      'leaseRenewMargin must be shorter than leaseTtl: a lease is renewed before it ends',
      {
        where: from.text,
        hint: 'Make leaseTtl longer or leaseRenewMargin shorter.',
      },
    );
  }
}
