import { FlanError } from '../errors.js';

/** What decides whether a stream gets colours. */
export interface ColourInputs {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTty: boolean;
}

const COLOUR_FLAG = /^--(no-)?color(?:=(.*))?$/s;
/** What a value after `--color=` comes to. `auto` leaves it to the environment. */
const MEANINGS: Readonly<Record<string, boolean | 'auto'>> = {
  ...{ always: true, never: false, auto: 'auto' },
  // As every switch may be given.
  ...{ true: true, false: false },
};

/**
 * Whether to colour one stream. The command line wins over NO_COLOR, that over FORCE_COLOR and CLICOLOR_FORCE, those
 * over what the stream is. @see https://no-color.org: set and not empty means no
 */
export function wantsColour({ argv, env, isTty }: ColourInputs): boolean {
  const end = argv.indexOf('--');
  const flags = end < 0 ? argv : argv.slice(0, end);
  const last = flags.flatMap((flag) => askedBy(flag) ?? []).at(-1);
  if (last !== undefined && last !== 'auto') return last;
  if (env.NO_COLOR) return false;
  const forced = env.FORCE_COLOR || env.CLICOLOR_FORCE;
  if (forced) return forced !== '0' && forced !== 'false';
  return isTty && env.TERM !== 'dumb';
}

function askedBy(flag: string): boolean | 'auto' | undefined {
  const [matched, no, value] = COLOUR_FLAG.exec(flag) ?? [];
  if (matched === undefined) return undefined;
  if (value === undefined) return no === undefined;
  return MEANINGS[value];
}

/**
 * The switch that the parser knows, for what stands after `--color=`: none for `auto`.
 * @throws {FlanError} E_USAGE for another word
 */
export function colourSwitch(value: string): readonly string[] {
  const meaning = MEANINGS[value];
  if (meaning === 'auto') return [];
  if (meaning !== undefined) return [meaning ? '--color' : '--no-color'];
  throw new FlanError('E_USAGE', `--color must be auto, always or never, not ${JSON.stringify(value)}`, {
    hint: '--color alone is --color=always, and --no-color is --color=never.',
  });
}
