import { type Family, tryCidr } from '../model/ip.js';
import { type IptablesRules, OUR_CHAINS, OUR_COMMENTS } from './iptables-rules.js';

/** What one table holds of ours. */
interface Section {
  readonly table: string;
  readonly chains: string[];
  /** Rules in chains of others, wherever they are. */
  readonly hooks: string[];
  readonly rules: string[];
}

/** Picks out of what iptables-save prints what is ours. Lines of others cost one search each. @see iptables-save(8) */
export function parseIptablesSave(text: string, family: Family): IptablesRules | undefined {
  const sections: Section[] = [];
  let section: Section | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      section = { table: line.slice(1).trim(), chains: [], hooks: [], rules: [] };
      sections.push(section);
    } else if (section !== undefined && MARKS.some((mark) => line.includes(mark))) absorb(section, line.trim());
  }
  const rules = sections.sort((a, b) => rankOf(a) - rankOf(b)).flatMap((each) => linesOf(each, family));
  return rules.length === 0 ? undefined : { kind: 'iptables-rules', family, rules };
}

const MARKS = [...OUR_CHAINS, ...OUR_COMMENTS];
const RANKS = ['nat', 'filter'];
const rankOf = ({ table }: Section): number => (RANKS.indexOf(table) + RANKS.length + 1) % (RANKS.length + 1);

function absorb({ chains, hooks, rules }: Section, line: string): void {
  if (line.startsWith(':')) {
    const name = line.slice(1).split(' ')[0] ?? '';
    if (OUR_CHAINS.includes(name)) chains.push(name);
  } else if (line.startsWith('-A ')) {
    const chain = line.split(' ')[1] ?? '';
    if (OUR_CHAINS.includes(chain)) rules.push(line);
    else if (leadsToUs(line)) hooks.push(line);
  }
}

/** A rule that jumps to our chain, or that carries our comment. */
function leadsToUs(line: string): boolean {
  const comment = /--comment (?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(line);
  const text = comment?.[1] ?? comment?.[2];
  if (text !== undefined && OUR_COMMENTS.includes(text)) return true;
  const target = / -[jg] (\S+)/.exec(line.replace(/"(?:[^"\\]|\\.)*"/g, '""'))?.[1];
  return target !== undefined && OUR_CHAINS.includes(target);
}

function linesOf({ table, chains, hooks, rules }: Section, family: Family): string[] {
  const ordered = [...chains].sort();
  const ofChain = (name: string) => rules.filter((rule) => rule.startsWith(`-A ${name} `));
  return [...ordered.map((name) => `-N ${name}`), ...hooks, ...ordered.flatMap(ofChain)].map(
    (line) => `-t ${table} ${family === 6 ? withCanonicalAddresses(line) : line}`,
  );
}

/** inet_ntop(3) and RFC 5952 differ in IPv4-mapped addresses. */
const withCanonicalAddresses = (line: string): string =>
  line.replace(/ (-[sd]) (\S+)/g, (whole, option: string, text: string) => {
    const cidr = tryCidr(text);
    return cidr === undefined ? whole : ` ${option} ${cidr.address}/${cidr.len}`;
  });
