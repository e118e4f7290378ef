import type { FlanError } from '../errors.js';
import { parseNftTable } from '../kinds/nft-listing.js';
import { type NftTable, nftFamily, nftScript, nftTable, nftTableKind, tableName } from '../kinds/nft-table.js';
import type { Family } from '../model/ip.js';
import type { Driver } from './driver.js';
import { nfTables } from './glance.js';
import { listenToNfTables } from './listen-nf-tables.js';
import { remembering } from './remembered-rules.js';
import { type RuleSetTool, ruleSetDriver } from './rule-sets.js';
import {
  type Answer,
  type Children,
  isDenied,
  realPathOf,
  refusal,
  runTool,
  type SharedToolbox,
  type Toolbox,
} from './run-tool.js';
import { sharedWith } from './share-rules.js';

interface NftCall {
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly children: Children;
}

/** The tables flannel-ipv4 and flannel-ipv6, read and written by nft(8), watched through netlink. */
export function nftablesDriver(toolbox: SharedToolbox = {}): Driver {
  const children: Children = new Set();
  const nft = (call: Pick<NftCall, 'args' | 'stdin'>, signal: AbortSignal) =>
    runNft({ ...call, children }, toolbox, signal);
  const tool: RuleSetTool<NftTable> = {
    name: 'nftables',
    kind: nftTableKind,
    keyOf: (family) => nftTableKind.key(nftTable({ family, lines: [] })),
    mayHold: (family) =>
      nfTables(toolbox)?.some((one) => one.family === AF[family] && one.table === tableName(family)) ?? true,
    read: async (family, signal) => {
      const answer = await nft({ args: ['-j', 'list', 'table', nftFamily(family), tableName(family)] }, signal);
      if (answer.code === 0) return parseNftTable(answer.stdout, family);
      if (/No such file or directory/.test(answer.stderr)) return undefined;
      throw failure(`cannot list the table ${nftFamily(family)} ${tableName(family)}`, answer);
    },
    write: async (changes, signal) => {
      const scripts = changes.map(({ family, after }) =>
        after ? nftScript(after, 'present') : nftScript(nftTable({ family, lines: [] }), 'absent'),
      );
      const answer = await nft({ args: ['-f', '-'], stdin: scripts.join('') }, signal);
      if (answer.code === 0) return;
      const tables = changes.map(({ family }) => `${nftFamily(family)} ${tableName(family)}`);
      throw failure(`cannot change the table ${tables.join(' and the table ')}`, answer);
    },
    listen: async ({ families, onChange, onDoubt }, signal) =>
      listenToNfTables({
        netns: toolbox.netns,
        ignorePids: children,
        concerns: ({ family, table }) => families.some((f) => AF[f] === family && tableName(f) === table),
        onChange,
        onDoubt,
        signal,
      }),
  };
  const sharing = {
    linesOf: ({ lines }: NftTable) => lines,
    withLines: (family: Family, lines: readonly string[]) => nftTable({ family, lines }),
  };
  const remembered = remembering(tool, { toolbox, program: () => realPathOf('nft', toolbox) });
  return ruleSetDriver(sharedWith(remembered, { ...sharing, others: toolbox.others ?? (() => []) }));
}

const AF: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };

/** Whether this nft and this kernel can choose source ports fully at random. Changes nothing. */
export async function nftSupportsFullyRandom(toolbox: Toolbox, signal: AbortSignal): Promise<boolean> {
  const probe = [
    'add table ip flannel-probe',
    'add chain ip flannel-probe postrtg { type nat hook postrouting priority 100; }',
    'add rule ip flannel-probe postrtg masquerade fully-random',
  ];
  const call = { args: ['--check', '-f', '-'], stdin: `${probe.join('\n')}\n`, children: new Set<number>() };
  const answer = await runNft(call, toolbox, signal);
  // Who may not ask will not write either: a plan for reading shows what root would get.
  return answer.code === 0 || isDenied(answer);
}

const runNft = (call: NftCall, toolbox: Toolbox, signal: AbortSignal): Promise<Answer> =>
  runTool(
    { ...call, program: 'nft', debianPackage: 'nftables', neededFor: 'traffic rules in nftables (EnableNFTables)' },
    toolbox,
    signal,
  );

const failure = (what: string, answer: Answer): FlanError =>
  refusal(what, {
    answer,
    code: 'E_NFTABLES',
    needs: 'Needs nft 0.9.7 or newer and a kernel with nf_tables, nft_chain_nat and nft_masq.',
    // EBUSY: another transaction came between; EINTR: nft's own view of the rules went stale.
    retry: /Resource busy|Interrupted|temporarily unavailable/i,
  });
