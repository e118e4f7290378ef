import { readFileSync } from 'node:fs';
import { FlanError } from '../errors.js';
import type { Family } from '../model/ip.js';
import { CommandSocket } from '../netlink/command.js';
import { NetlinkError } from '../netlink/errors.js';
import {
  decodeNfTablesEvent,
  getChains,
  getGeneration,
  getTables,
  NETLINK_NETFILTER,
} from '../netlink/wire/nf-tables.js';
import type { Request } from '../netlink/wire/request.js';
import { inNetns } from '../sys/netns.js';
import type { Toolbox } from './run-tool.js';

/** A table of nf_tables, or one of its chains. */
export interface NfTablesName {
  /** AF_*. */
  readonly family: number;
  readonly table: string;
  readonly chain?: string;
}

/** Asks nf_tables. Undefined when it cannot be asked, or refuses, as on a kernel without nf_tables. */
function ask<T extends object>(
  { netns }: Toolbox,
  question: (socket: CommandSocket) => T | NetlinkError,
): T | undefined {
  let socket: CommandSocket | undefined;
  try {
    socket = CommandSocket.open({ netns, protocol: NETLINK_NETFILTER });
    const found = question(socket);
    return found instanceof NetlinkError ? undefined : found;
  } catch (cause) {
    if (cause instanceof FlanError) return undefined;
    throw cause;
  } finally {
    socket?.close();
  }
}

/**
 * The names of what nf_tables holds, from one netlink dump: where our names are not among them, no program need be run
 * to find nothing. Undefined when that cannot be told.
 */
const names = (request: Request, toolbox: Toolbox): readonly NfTablesName[] | undefined =>
  ask(toolbox, (socket) =>
    socket.tryDump(request, (message) => {
      const event = decodeNfTablesEvent(message);
      return event?.type === 'change' ? event : undefined;
    }),
  );

export const nfTables = (toolbox: Toolbox): readonly NfTablesName[] | undefined => names(getTables, toolbox);
export const nfChains = (toolbox: Toolbox): readonly NfTablesName[] | undefined => names(getChains, toolbox);

/** How many transactions nf_tables has seen in this network namespace: while it stays, no rule is another one. */
export function nfGeneration(toolbox: Toolbox): number | undefined {
  const answer = ask(toolbox, (socket) =>
    socket.tryGet(getGeneration, (message) => ({ event: decodeNfTablesEvent(message) })),
  );
  return answer?.event?.type === 'generation' ? answer.event.id : undefined;
}

/** Whether iptables-legacy has made any table of the family; true when that cannot be told. */
export function hasLegacyTables(family: Family, { netns }: Toolbox): boolean {
  const read = (): boolean => {
    try {
      return readFileSync(`/proc/thread-self/net/${family === 4 ? 'ip' : 'ip6'}_tables_names`, 'utf8') !== '';
    } catch (cause) {
      return (cause as NodeJS.ErrnoException).code !== 'ENOENT'; // no such file: the module is not even loaded
    }
  };
  return netns === undefined ? read() : inNetns(netns, read);
}
