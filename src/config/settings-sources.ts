import { didYouMean } from '../model/did-you-mean.js';
import type { Warning } from '../model/warning.js';
import { IGNORED_FLANNEL_FLAGS, SETTINGS, type SettingDefinition } from './settings-definitions.js';
import type { RawSetting } from './settings-file.js';
import type { SettingKey } from './settings-table.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Values by the name of the flag without dashes, ours or flanneld's; undefined: not given. */
export type FlagValues = Readonly<Record<string, unknown>>;

/** The settings of one source. */
export type Layer = ReadonlyMap<SettingKey, RawSetting>;

/** `FLAN_…` variables that are no settings. */
export const OTHER_VARIABLES: readonly string[] = ['FLAN_AS', 'FLAN_CONFIG', 'FLAN_DEBUG', 'FLAN_REQUIRE_KERNEL'];

export function flagLayer(flags: FlagValues, cwd: string): Layer {
  return collect((definition) => {
    const { flag, flannelFlag } = definition;
    const given = (name: string | undefined) => (name === undefined ? undefined : givenValue(definition, flags[name]));
    if (given(flag) !== undefined) return { raw: given(flag), origin: `flag --${flag}`, base: cwd };
    if (given(flannelFlag) === undefined) return undefined;
    return fromFlannel({ definition, raw: given(flannelFlag), origin: `flag --${flannelFlag}`, base: cwd });
  });
}

/**
 * What a flag says; undefined when it says nothing. Unit files written for flanneld leave a value empty when they have
 * none (`-etcd-cafile=$CAFILE`): where no value is the default, that is what flanneld understands.
 */
function givenValue({ flannelFlag, default: fallback }: SettingDefinition, value: unknown): unknown {
  const mayBeEmpty = flannelFlag !== undefined;
  if (Array.isArray(value)) {
    const said = mayBeEmpty ? value.filter((one) => one !== '') : value;
    return said.length === 0 ? undefined : said;
  }
  return value === '' && mayBeEmpty && fallback === undefined ? undefined : value;
}

/** `FLAN_…`. An empty variable counts as none, so that a unit file or a manifest can leave it blank. */
export function environmentLayer(env: Environment, cwd: string): Layer {
  return collect(({ env: name }) =>
    env[name] ? { raw: env[name], origin: `environment ${name}`, base: cwd } : undefined,
  );
}

/** `FLANNELD_…`, in flanneld's own notation; where it takes several values, so do we, after commas. */
export function flannelLayer(env: Environment, cwd: string): Layer {
  return collect((definition) => {
    const name = definition.flannelEnv;
    if (name === undefined || !env[name]) return undefined;
    return fromFlannel({ definition, raw: env[name], origin: `environment ${name}`, base: cwd });
  });
}

interface FlannelValue extends Omit<RawSetting, 'refused'> {
  readonly definition: SettingDefinition;
}

/** What flanneld would refuse must not come to mean something in our notation: `60s` is no number of minutes. */
function fromFlannel({ definition, raw, origin, base }: FlannelValue): RawSetting {
  if (definition.flannelNotation === undefined || typeof raw !== 'string') return { raw, origin, base };
  const { translate, expects } = definition.flannelNotation;
  const translated = translate(raw);
  return translated === undefined ? { raw, origin, base, refused: expects } : { raw: translated, origin, base };
}

function collect(find: (definition: SettingDefinition) => RawSetting | undefined): Layer {
  const layer = new Map<SettingKey, RawSetting>();
  for (const definition of SETTINGS) {
    const found = find(definition);
    if (found !== undefined) layer.set(definition.key, found);
  }
  return layer;
}

/** Variables with our names that mean nothing, and flanneld's that flan has no use for. */
export function environmentWarnings(env: Environment): Warning[] {
  const known = [...SETTINGS.flatMap((s) => [s.env, s.flannelEnv ?? s.env]), ...OTHER_VARIABLES];
  return Object.keys(env)
    .filter((name) => /^FLAN(NELD)?_/.test(name) && !known.includes(name) && !isServiceLink(name))
    .map((name): Warning => {
      const ignored = IGNORED_FLANNEL_FLAGS.find((flag) => flag.env === name);
      if (ignored !== undefined) return ignoredWarning(name, ignored.why);
      const meant = didYouMean(name, known);
      const warning: Warning = { code: 'W_UNKNOWN_VARIABLE', message: `${name} is set, but is no setting; ignored` };
      return meant === undefined ? warning : { ...warning, hint: `Did you mean '${meant}'?` };
    });
}

/** Kubernetes sets such variables in every pod beside a Service that is called `flan`. */
const isServiceLink = (name: string): boolean => /^FLAN(NELD)?_(SERVICE_|PORT($|_\d))/.test(name);

export const flagWarnings = (flags: FlagValues): Warning[] =>
  IGNORED_FLANNEL_FLAGS.filter(({ flag }) => flags[flag] !== undefined).map(({ flag, why }) =>
    ignoredWarning(`--${flag}`, why),
  );

const ignoredWarning = (name: string, why: string): Warning => ({
  code: 'W_SETTING_IGNORED',
  message: `${name} is flanneld's and has no effect here: ${why}`,
});
