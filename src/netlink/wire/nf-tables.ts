import { attributes } from './attributes.js';
import { string, u32be } from './codecs.js';
import type { Message } from './frame.js';
import type { Request } from './request.js';

/** nfnetlink's header and nf_tables' events, as far as telling whose rules changed needs them. */
export const NETLINK_NETFILTER = 12;
export const NFNLGRP_NFTABLES = 7;

const NFNL_SUBSYS_NFTABLES = 10;
/** `struct nfgenmsg`: family, version, resource id. */
const NFGENMSG_BYTES = 4;

const NFT_MSG_GETTABLE = 1;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_GETCHAIN = 4;
const NFT_MSG_DELCHAIN = 5;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_DELRULE = 8;
const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;

/** The first attribute of every kind of object but a generation. */
const anyObject = attributes('NFTA', {
  table: string(1), // NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE, …
});

const chainObject = attributes('NFTA_CHAIN', {
  table: string(1), // NFTA_CHAIN_TABLE
  chain: string(3), // NFTA_CHAIN_NAME
});

const ruleObject = attributes('NFTA_RULE', {
  table: string(1), // NFTA_RULE_TABLE
  chain: string(2), // NFTA_RULE_CHAIN
});

const generation = attributes('NFTA_GEN', {
  id: u32be(1), // NFTA_GEN_ID
  pid: u32be(2), // NFTA_GEN_PROC_PID
  program: string(3), // NFTA_GEN_PROC_NAME
});

/** About all families. The answers read like events. */
const getAll = (command: number, describe: string): Request => ({
  type: (NFNL_SUBSYS_NFTABLES << 8) | command,
  flags: 0,
  write: (writer) => writer.bytes4(0, 0, 0, 0),
  describe,
});

export const getTables: Request = getAll(NFT_MSG_GETTABLE, 'nft list tables');
export const getChains: Request = getAll(NFT_MSG_GETCHAIN, 'nft list chains');
export const getGeneration: Request = getAll(NFT_MSG_GETGEN, 'generation of the rules');

/** @see uapi/linux/netfilter/nf_tables.h */
export type NfTablesEvent =
  /** Something of a table was made or deleted: of this chain, or of the table as a whole. */
  | { readonly type: 'change'; readonly family: number; readonly table: string; readonly chain?: string }
  /** Ends every transaction, and tells who made it. */
  | {
      readonly type: 'generation';
      readonly id: number | undefined;
      readonly pid?: number | undefined;
      readonly program?: string | undefined;
    };

/**
 * @returns undefined for what is not about nf_tables
 * @throws {DecodeError}
 */
export function decodeNfTablesEvent(message: Message): NfTablesEvent | undefined {
  if (message.type >> 8 !== NFNL_SUBSYS_NFTABLES || message.length < NFGENMSG_BYTES) return undefined;
  const family = message.bytes[message.offset] ?? 0;
  const at = [message.bytes, message.offset + NFGENMSG_BYTES, message.length - NFGENMSG_BYTES] as const;
  const command = message.type & 0xff;
  if (command === NFT_MSG_NEWGEN) {
    const { id, pid, program } = generation.read(...at);
    return { type: 'generation', id, pid, program };
  }
  const read = (): { readonly table?: string | undefined; readonly chain?: string | undefined } => {
    if (command >= NFT_MSG_NEWRULE && command <= NFT_MSG_DELRULE) return ruleObject.read(...at);
    if (command >= NFT_MSG_NEWCHAIN && command <= NFT_MSG_DELCHAIN) return chainObject.read(...at);
    return anyObject.read(...at);
  };
  const { table, chain } = read();
  if (table === undefined) return undefined;
  return chain === undefined ? { type: 'change', family, table } : { type: 'change', family, table, chain };
}
