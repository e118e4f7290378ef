import { contains, makePrefix, type Prefix, tryCidr } from '../model/ip.js';
import { IPTABLES_TABLES } from './iptables-rules.js';

/**
 * Several flans may serve one host, each its own networks, and share the chains that bear flannel's names. A rule is its
 * whose networks it names first. What names none (a chain, the jump to it, kube-proxy's mark) is everybody's who has
 * rules in that place.
 */
export interface SplitRules {
  readonly mine: readonly string[];
  /** Of the others, with what they share. */
  readonly theirs: readonly string[];
}

/** Takes apart what a packet filter holds, in the words of the kinds `iptables-rules` and `nft-table`. */
export function splitRules(lines: readonly string[], others: readonly Prefix[]): SplitRules {
  const isTheirs = (line: string): boolean => {
    const named = firstPrefix(line);
    return named !== undefined && others.some((other) => contains(other, named));
  };
  const places = new Map<string, { mine: boolean; theirs: boolean }>();
  for (const line of lines) {
    const place = places.get(placeOf(line)) ?? { mine: false, theirs: false };
    if (isTheirs(line)) place.theirs = true;
    else if (firstPrefix(line) !== undefined) place.mine = true;
    places.set(placeOf(line), place);
  }
  const placed = (line: string) => places.get(placeOf(line)) ?? { mine: false, theirs: false };
  return {
    mine: lines.filter((line) => !isTheirs(line) && (placed(line).mine || !placed(line).theirs)),
    theirs: lines.filter((line) => placed(line).theirs && (isTheirs(line) || firstPrefix(line) === undefined)),
  };
}

/** What is to be written so that both are there: ours in our order, then those of the others in theirs. */
export function mergeRules(mine: readonly string[], theirs: readonly string[]): readonly string[] {
  const places = [...new Set([...mine, ...theirs].map(placeOf))].sort(inListedOrder);
  return places.flatMap((place) => {
    const [ours, rest] = [mine, theirs].map((lines) => lines.filter((line) => placeOf(line) === place));
    if (ours === undefined || ours.length === 0) return rest ?? [];
    return [...ours, ...(rest ?? []).filter((line) => firstPrefix(line) !== undefined)];
  });
}

/** As both are read: tables in iptables' own order, chains by name. */
function inListedOrder(a: string, b: string): number {
  const rank = (place: string): number => (IPTABLES_TABLES as readonly string[]).indexOf(place);
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}

/** A table of iptables, where one chain is ours, or a chain of nftables. */
const placeOf = (line: string): string => /^-t (\S+)|^(?:chain|rule) (\S+)/.exec(line)?.slice(1).find(Boolean) ?? '';

function firstPrefix(line: string): Prefix | undefined {
  const text = /(?<![\w.:/])[0-9a-f.:]+\/\d{1,3}(?![\w/])/i.exec(line)?.[0];
  const cidr = text === undefined ? undefined : tryCidr(text);
  return cidr === undefined ? undefined : makePrefix(cidr.address, cidr.len);
}
