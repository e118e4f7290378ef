import { FlanError } from '../errors.js';
import { colourSwitch } from './colour.js';

/** What matters of a flag here. */
export interface FlagForm {
  readonly type: 'boolean' | 'option';
  readonly char?: string | undefined;
  readonly allowNo?: boolean | undefined;
}

/** Go's strconv.ParseBool, which reads flanneld's flags. */
const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/**
 * Rewrites the forms that Go programs accept, and manifests written for flanneld use, to ours: one dash before a long
 * name (`-iface=eth0`), and a value after a switch (`--ip-masq=false`).
 * @throws {FlanError} E_USAGE when the value of a switch is no boolean
 */
export function ourForms(argv: readonly string[], flags: Readonly<Record<string, FlagForm>>): readonly string[] {
  const end = argv.indexOf('--');
  const chars = new Set(Object.values(flags).map(({ char }) => char));
  const isFlag = (name: string) => Object.hasOwn(flags, name) && !(name.length === 1 && chars.has(name));
  return argv.flatMap((word, i) => {
    const [, dashes, name = '', value] = /^(--?)([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word) ?? [];
    if ((end >= 0 && i > end) || dashes === undefined || !isFlag(name)) return [word];
    const flag = flags[name];
    if (name === 'color' && value !== undefined) return colourSwitch(value);
    if (value === undefined || flag?.type !== 'boolean') return [`--${word.slice(dashes.length)}`];
    if (TRUE.includes(value)) return [`--${name}`];
    if (FALSE.includes(value)) return flag.allowNo ? [`--no-${name}`] : [];
    throw new FlanError('E_USAGE', `--${name} must be true or false, not ${JSON.stringify(value)}`, {
      hint: `Write --${name}${flag.allowNo ? ` or --no-${name}` : ''}.`,
    });
  });
}
