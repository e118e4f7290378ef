import { IPTABLES_TABLES, type IptablesRules, OUR_CHAINS } from './iptables-rules.js';

export interface IptablesChange {
  /** What is there at this moment: rules in chains of others can only be deleted by saying what they are. */
  readonly before: IptablesRules | undefined;
  readonly after: IptablesRules | undefined;
}

/**
 * The input of `iptables-restore --noflush` that leads from one to the other; undefined when nothing differs. Each table
 * changes at once: declaring a chain empties it, and the packets see that only together with its new rules.
 * Rules of others keep their places; a rule of ours in a chain of others is written anew, at the end, only when it is
 * missing, doubled or different.
 */
export function iptablesScript({ before, after }: IptablesChange): string | undefined {
  const tables = [...new Set([...IPTABLES_TABLES, ...tablesOf(before), ...tablesOf(after)])];
  const sections = tables.flatMap((table) => section(table, linesIn(table, before), linesIn(table, after)));
  return sections.length === 0 ? undefined : `${sections.join('\n')}\n`;
}

const tablesOf = (rules: IptablesRules | undefined): string[] =>
  (rules?.rules ?? []).map((rule) => rule.split(' ')[1] ?? '');

const linesIn = (table: string, rules: IptablesRules | undefined): string[] =>
  (rules?.rules ?? [])
    .filter((rule) => rule.startsWith(`-t ${table} `))
    .map((rule) => rule.slice(`-t ${table} `.length));

function section(table: string, before: readonly string[], after: readonly string[]): string[] {
  if (before.join('\n') === after.join('\n')) return [];
  const [old, wanted] = [sorted(before), sorted(after)];
  const superfluous = old.chains.filter((chain) => !wanted.chains.includes(chain));
  const moved = old.hooks.join('\n') !== wanted.hooks.join('\n');
  return [
    `*${table}`,
    ...wanted.chains.map((chain) => `:${chain} - [0:0]`),
    ...(moved ? old.hooks.map((rule) => rule.replace(/^-A /, '-D ')) : []),
    ...(moved ? wanted.hooks : []),
    ...wanted.rules,
    ...superfluous.map((chain) => `-F ${chain}`),
    ...superfluous.map((chain) => `-X ${chain}`),
    'COMMIT',
  ];
}

function sorted(lines: readonly string[]): { chains: string[]; hooks: string[]; rules: string[] } {
  const chains = lines.filter((line) => line.startsWith('-N ')).map((line) => line.slice(3));
  const isOurs = (line: string) => OUR_CHAINS.includes(line.split(' ')[1] ?? '');
  const rules = lines.filter((line) => line.startsWith('-A '));
  return { chains, hooks: rules.filter((line) => !isOurs(line)), rules: rules.filter(isOurs) };
}
