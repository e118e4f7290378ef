import { mergeRules, splitRules } from '../kinds/shared-rules.js';
import type { Family, Prefix } from '../model/ip.js';
import type { Resource } from '../planner/kind.js';
import type { RuleSetTool } from './rule-sets.js';

export interface Sharing<R> {
  /** Networks of other flans on this host, as they are known now. */
  readonly others: () => readonly Prefix[];
  readonly linesOf: (resource: R) => readonly string[];
  readonly withLines: (family: Family, lines: readonly string[]) => R;
}

/** The same tool as one of several flans sees it: others' rules are neither seen nor lost. */
export function sharedWith<R extends Resource & { readonly family: Family }>(
  tool: RuleSetTool<R>,
  { others, linesOf, withLines }: Sharing<R>,
): RuleSetTool<R> {
  const resourceOf = (family: Family, lines: readonly string[]): R | undefined =>
    lines.length === 0 ? undefined : withLines(family, lines);
  return {
    ...tool,
    read: async (family, signal) => {
      const whole = await tool.read(family, signal);
      const prefixes = others();
      if (whole === undefined || prefixes.length === 0) return whole;
      const { mine } = splitRules(linesOf(whole), prefixes);
      return mine.length === linesOf(whole).length ? whole : resourceOf(family, mine);
    },
    write: async (changes, signal) => {
      const prefixes = others();
      if (prefixes.length === 0) return tool.write(changes, signal);
      const merged = changes.map(async ({ family, after }) => {
        const whole = await tool.read(family, signal);
        const { theirs } = splitRules(whole === undefined ? [] : linesOf(whole), prefixes);
        if (theirs.length === 0) return { family, after };
        return { family, after: resourceOf(family, mergeRules(after === undefined ? [] : linesOf(after), theirs)) };
      });
      return tool.write(await Promise.all(merged), signal);
    },
  };
}
