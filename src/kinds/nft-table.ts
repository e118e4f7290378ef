import type { Family } from '../model/ip.js';
import { type Kind, keyOf } from '../planner/kind.js';

/**
 * A table of nftables that is ours as a whole: what it holds beyond `lines` is in the way. One resource, because the
 * kernel changes it in one transaction and the order of rules is their meaning.
 * @see nft(8)
 */
export interface NftTable {
  readonly kind: 'nft-table';
  readonly family: Family;
  readonly table: string;
  /** `chain NAME { … }`, then `rule NAME …` in order, chain by chain, chains by name; as nft(8) writes them, in full. */
  readonly lines: readonly string[];
  /** Says for people whose table it is. Not compared: not every version of nft lists it. */
  readonly comment?: string;
}

/** The names that flannel uses: a node that moves from flanneld to flan keeps one set of rules. */
export const tableName = (family: Family): string => `flannel-ipv${family}`;

/** The comment that marks the table as flannel's or ours. */
export const tableComment = (family: Family): string => `rules for ${tableName(family)}`;

/** nft's name of an address family. */
export const nftFamily = (family: Family): 'ip' | 'ip6' => (family === 4 ? 'ip' : 'ip6');

export const nftTable = ({ family, lines }: Pick<NftTable, 'family' | 'lines'>): NftTable => ({
  kind: 'nft-table',
  family,
  table: tableName(family),
  lines,
  comment: tableComment(family),
});

export const nftTableKind: Kind<NftTable> = {
  kind: 'nft-table',
  rank: 70,
  key: ({ family, table }) => keyOf('nft-table', nftFamily(family), table),
  fields: ['lines'],
  inPlace: ['lines'],
  needs: () => [],
  owns: ({ family, table, comment }) =>
    table === tableName(family) && (comment === undefined || comment === tableComment(family)),
  followsFromOwnSubnet: () => true,
  describe: ({ lines }) => {
    const rules = lines.filter((line) => line.startsWith('rule ')).length;
    return `${rules} ${rules === 1 ? 'rule' : 'rules'}`;
  },
};

/**
 * The input of `nft -f` that makes the table hold these lines and nothing else, or removes it. The kernel takes it as
 * one transaction: packets see the old rules or the new ones, never none.
 */
export function nftScript({ family, table, comment, lines }: NftTable, goal: 'present' | 'absent'): string {
  const name = `${nftFamily(family)} ${table}`;
  // A deletion fails when there is nothing to delete, so the table is made first.
  const away = [`add table ${name}`, `delete table ${name}`];
  if (goal === 'absent') return script(away);
  const body = lines.map((line) => line.replace(/^(chain|rule) /, `add $1 ${name} `));
  return script([...away, `add table ${name}${comment === undefined ? '' : ` { comment "${comment}"; }`}`, ...body]);
}

const script = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
