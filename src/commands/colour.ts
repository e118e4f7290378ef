/** What decides whether a stream gets colours. */
export interface ColourInputs {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTty: boolean;
}

/**
 * Whether to colour one stream. The command line wins over NO_COLOR, that over FORCE_COLOR and CLICOLOR_FORCE, those
 * over what the stream is. @see https://no-color.org: set and not empty means no
 */
export function wantsColour({ argv, env, isTty }: ColourInputs): boolean {
  const end = argv.indexOf('--');
  const flags = end < 0 ? argv : argv.slice(0, end);
  const last = flags.findLast((flag) => flag === '--color' || flag === '--no-color');
  if (last !== undefined) return last === '--color';
  if (env.NO_COLOR) return false;
  const forced = env.FORCE_COLOR || env.CLICOLOR_FORCE;
  if (forced) return forced !== '0' && forced !== 'false';
  return isTty && env.TERM !== 'dumb';
}
