import { setInterval } from 'node:timers';
import { asFlanError, type FlanError } from '../errors.js';
import { parseIptablesSave } from '../kinds/iptables-listing.js';
import { IPTABLES_TABLES, type IptablesRules, iptablesRulesKind, OUR_CHAINS } from '../kinds/iptables-rules.js';
import { iptablesScript } from '../kinds/iptables-script.js';
import type { Family } from '../model/ip.js';
import type { Driver } from './driver.js';
import { hasLegacyTables, nfChains } from './glance.js';
import { listenToNfTables } from './listen-nf-tables.js';
import { remembering } from './remembered-rules.js';
import { type Hearing, type RuleSetChange, type RuleSetTool, ruleSetDriver } from './rule-sets.js';
import {
  type Answer,
  type Children,
  realPathOf,
  refusal,
  runTool,
  type SharedToolbox,
  type Toolbox,
} from './run-tool.js';
import { sharedWith } from './share-rules.js';

export interface IptablesToolbox extends SharedToolbox {
  /** How often to look where the kernel tells of no changes: iptables-legacy. flannel's `--iptables-resync`. */
  readonly legacyPollMs?: number;
}

const LEGACY_POLL_MS = 5_000;
/** How often to start over when the rules change between our look and our write. */
const ATTEMPTS = 3;
/** For the lock that iptables-legacy takes. */
const LOCK_WAIT_SECONDS = 5;

/**
 * flannel's chains in iptables and ip6tables. The variant over nf_tables is watched through netlink; the legacy one
 * sends no events and is looked at now and then.
 */
export function iptablesDriver(toolbox: IptablesToolbox = {}): Driver {
  const children: Children = new Set();
  const read = async (family: Family, signal: AbortSignal): Promise<IptablesRules | undefined> => {
    const answer = await runIptables({ family, suffix: '-save', args: [], children }, toolbox, signal);
    if (answer.code !== 0) throw failure(`cannot read the rules of ${toolName(family)}`, answer);
    return parseIptablesSave(answer.stdout, family);
  };

  const writeOne = async ({ family, after }: RuleSetChange<IptablesRules>, signal: AbortSignal): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      const script = iptablesScript({ before: await read(family, signal), after });
      if (script === undefined) return;
      const args = ['--noflush', '--wait', `${LOCK_WAIT_SECONDS}`];
      const answer = await runIptables({ family, suffix: '-restore', args, stdin: script, children }, toolbox, signal);
      if (answer.code === 0) return;
      const error = failure(`cannot write the rules of ${toolName(family)}`, answer);
      if (!error.retry || attempt === ATTEMPTS) throw error;
    }
  };

  const write = async (changes: readonly RuleSetChange<IptablesRules>[], signal: AbortSignal): Promise<void> => {
    for (const change of changes) await writeOne(change, signal);
  };

  const listen = async (hearing: Hearing, signal: AbortSignal): Promise<void> => {
    const { families, isWanted, onChange, onDoubt } = hearing;
    const variant = await variantOf(toolbox, signal);
    if (variant === 'legacy') {
      const timer = setInterval(() => isWanted() && onChange(), toolbox.legacyPollMs ?? LEGACY_POLL_MS);
      signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    } else if (variant === 'nf_tables') {
      const hooks = ['POSTROUTING', 'FORWARD', ...OUR_CHAINS];
      const concerns = ({ family, table, chain }: { family: number; table: string; chain?: string }): boolean =>
        families.some((f) => AF[f] === family) &&
        (IPTABLES_TABLES as readonly string[]).includes(table) &&
        (chain === undefined || hooks.includes(chain));
      listenToNfTables({ netns: toolbox.netns, ignorePids: children, concerns, onChange, onDoubt, signal });
    }
  };

  const tool: RuleSetTool<IptablesRules> = {
    name: 'iptables',
    kind: iptablesRulesKind,
    keyOf: (family) => iptablesRulesKind.key({ kind: 'iptables-rules', family, rules: [] }),
    mayHold: (family) => mayHoldOurs(family, toolbox),
    read,
    write,
    listen,
  };
  const sharing = {
    linesOf: ({ rules }: IptablesRules) => rules,
    withLines: (family: Family, rules: readonly string[]): IptablesRules => ({ kind: 'iptables-rules', family, rules }),
  };
  const remembered = remembering(tool, { toolbox, program: () => nfTablesProgram(toolbox) });
  return ruleSetDriver(sharedWith(remembered, { ...sharing, others: toolbox.others ?? (() => []) }));
}

const AF: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
const toolName = (family: Family): string => (family === 4 ? 'iptables' : 'ip6tables');

/** Our rules hang on our chains: where neither variant has any, nothing need be run to find none. */
function mayHoldOurs(family: Family, toolbox: Toolbox): boolean {
  const chains = nfChains(toolbox);
  if (chains === undefined || hasLegacyTables(family, toolbox)) return true;
  return chains.some((one) => one.family === AF[family] && one.chain !== undefined && OUR_CHAINS.includes(one.chain));
}

/** The file behind iptables where that is plainly the variant over nf_tables. */
function nfTablesProgram(toolbox: Toolbox): string | undefined {
  const program = realPathOf('iptables', toolbox);
  return variantOfFile(program) === 'nf_tables' ? program : undefined;
}

/** Undefined when the name of the file does not tell. */
const variantOfFile = (program: string | undefined): IptablesVersion['variant'] | undefined =>
  program?.endsWith('/xtables-nft-multi')
    ? 'nf_tables'
    : program?.endsWith('/xtables-legacy-multi')
      ? 'legacy'
      : undefined;

/**
 * Told by the file behind the name where that is one of the usual two; else by asking it, which takes a process. None
 * where iptables is not installed: then it has no rules to change either.
 */
async function variantOf(toolbox: Toolbox, signal: AbortSignal): Promise<IptablesVersion['variant'] | undefined> {
  const told = variantOfFile(realPathOf('iptables', toolbox));
  if (told !== undefined) return told;
  try {
    return (await iptablesVersion(toolbox, signal)).variant;
  } catch (cause) {
    if (asFlanError(cause).code === 'E_TOOL_MISSING') return undefined;
    throw cause;
  }
}

export interface IptablesVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly variant: 'legacy' | 'nf_tables';
}

/** @throws {FlanError} E_TOOL_MISSING, E_IPTABLES */
export async function iptablesVersion(toolbox: Toolbox, signal: AbortSignal): Promise<IptablesVersion> {
  const call = { family: 4, suffix: '', args: ['--version'], children: new Set<number>() } as const;
  const answer = await runIptables(call, toolbox, signal);
  const match = /v(\d+)\.(\d+)(?:\.(\d+))?(?: \((\w+)\))?/.exec(answer.stdout);
  if (match === null) throw failure('cannot tell the version of iptables', answer);
  const [, major, minor, patch, variant] = match;
  return {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch ?? 0),
    // Versions before 1.8 do not say, as there was one variant only.
    variant: variant === 'nf_tables' ? 'nf_tables' : 'legacy',
  };
}

/** `--random-fully` came with iptables 1.6.2. */
export async function iptablesSupportsFullyRandom(toolbox: Toolbox, signal: AbortSignal): Promise<boolean> {
  const { major, minor, patch } = await iptablesVersion(toolbox, signal);
  return major * 1e6 + minor * 1e3 + patch >= 1_006_002;
}

interface IptablesCall {
  readonly family: Family;
  readonly suffix: '' | '-save' | '-restore';
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly children: Children;
}

const runIptables = (
  { family, suffix, ...call }: IptablesCall,
  toolbox: Toolbox,
  signal: AbortSignal,
): Promise<Answer> =>
  runTool(
    {
      ...call,
      program: `${toolName(family)}${suffix}`,
      debianPackage: 'iptables',
      neededFor: 'traffic rules in iptables',
    },
    toolbox,
    signal,
  );

const failure = (what: string, answer: Answer): FlanError =>
  refusal(what, {
    answer,
    code: 'E_IPTABLES',
    needs: 'Needs iptables with the matches mark and comment and the target MASQUERADE in the kernel.',
    // A rule that we wanted to delete was gone, a chain was in use again, or the lock stayed taken; iptables-legacy only names the line.
    retry:
      /matching rule exist|restore: line \d+ failed\s*$|No chain\/target\/match|Resource busy|too many links|xtables lock/i,
  });
