import { FlanError } from '../errors.js';
import { isJsonObject, type Json } from '../model/json.js';
import type { Warning } from '../model/warning.js';

/** What the container runtime is told about the network of pods. @see CNI specification 1.0, section 1 */
export interface CniConf {
  readonly name: string;
  /** Programs that the runtime starts, in their order. */
  readonly plugins: readonly string[];
}

/** Runtimes read files that end so, in the order of their names, and take the first. */
const READ_BY_RUNTIMES = /\.(conf|conflist|json)$/;

/** What flannel's own installers have called the file: before 0.10 a single plugin, since then a list. */
export const FLANNEL_NAMES: readonly string[] = ['10-flannel.conf', '10-flannel.conflist'];

/**
 * Reads a CNI configuration as far as a runtime would refuse it.
 * @throws {FlanError} E_DATA naming what is wrong, at `where`
 */
export function parseCniConf(value: Json, where: string): CniConf {
  const refuse = (why: string): FlanError =>
    new FlanError('E_DATA', `not a CNI configuration: ${why}`, {
      where,
      hint: 'Give it `name`, `cniVersion` and `plugins`, each with a `type`; flannel has it in kube-flannel-cfg.',
    });
  if (!isJsonObject(value)) throw refuse('it must be an object');
  const { name, cniVersion, plugins, type } = value;
  if (typeof name !== 'string' || name === '') throw refuse('`name` is missing');
  if (typeof cniVersion !== 'string') throw refuse('`cniVersion` is missing');
  if (plugins === undefined) {
    throw refuse(typeof type === 'string' ? `it is the single plugin '${type}', not a list` : '`plugins` is missing');
  }
  if (!Array.isArray(plugins) || plugins.length === 0) throw refuse('`plugins` must be a list of at least one');
  const types = plugins.map((plugin: Json, i): string => {
    const program = isJsonObject(plugin) ? plugin.type : undefined;
    if (typeof program === 'string' && /^[\w.-]+$/.test(program)) return program;
    throw refuse(`plugin ${i + 1} has no \`type\` that could be a program`);
  });
  return { name, plugins: types };
}

/** Whether a file of one of flannel's names is what flannel writes there. Anything else is somebody's own. */
export function isFlannels(text: string): boolean {
  try {
    const conf: unknown = JSON.parse(text);
    if (!isJsonObject(conf)) return false;
    const list = Array.isArray(conf.plugins) ? conf.plugins : [conf];
    return list.some((plugin) => isJsonObject(plugin) && plugin.type === 'flannel');
  } catch {
    return false;
  }
}

/** Half-written copies of a run that was killed, as src/sys/atomic-file.ts names them, and flannel's install-conf. */
export const halfWritten = (name: string, files: readonly string[]): readonly string[] =>
  files.filter((file) => file.startsWith(`.${name}.`) && /^(\d+\.\d+|tmp)$/.test(file.slice(name.length + 2)));

/** Tells when a runtime would take another file than ours. */
export function shadowing(name: string, files: readonly string[]): readonly Warning[] {
  const first = files.filter((file) => READ_BY_RUNTIMES.test(file) && file < name).sort()[0];
  if (first === undefined) return [];
  return [
    {
      code: 'W_CNI_SHADOWED',
      message: `${first} comes before ${name}: container runtimes take the first, so pods get that network`,
      hint: 'Remove it when it is of a network that is gone, or give --name what sorts before it.',
    },
  ];
}

/** Tells which programs a configuration names that are not there. */
export function missingPlugins(conf: CniConf, programs: readonly string[]): readonly Warning[] {
  const missing = [...new Set(conf.plugins)].filter((plugin) => !programs.includes(plugin));
  if (missing.length === 0) return [];
  return [
    {
      code: 'W_CNI_PLUGIN_MISSING',
      message: `the configuration names ${missing.map((plugin) => `'${plugin}'`).join(' and ')}, which is not installed: pods will not start`,
      hint: 'Install the CNI plugins: flannel comes with its plugin image, the others with containernetworking/plugins.',
    },
  ];
}
