import { asFlanError, FlanError } from '../errors.js';
import { MonitorSocket } from '../netlink/monitor.js';
import type { Message } from '../netlink/wire/frame.js';
import {
  decodeNfTablesEvent,
  NETLINK_NETFILTER,
  NFNLGRP_NFTABLES,
  type NfTablesEvent,
} from '../netlink/wire/nf-tables.js';
import { SysError } from '../sys/ffi.js';

type Change = Extract<NfTablesEvent, { readonly type: 'change' }>;

export interface NfTablesListener {
  readonly netns: string | undefined;
  /** Whether a change may be of interest: cheap, as busy hosts change thousands of rules. */
  readonly concerns: (change: Change) => boolean;
  /** Processes whose changes are not news: our own. Looked at for every transaction, so it may change. */
  readonly ignorePids: { has(pid: number): boolean };
  /** Called at the end of every transaction that held such a change, with the name of the program that made it. */
  readonly onChange: (by?: string) => void;
  readonly onDoubt: (why: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Subscribes to the changes of nf_tables, which iptables-nft makes too, until `signal`.
 * @throws {FlanError} E_NETNS, E_NETLINK, E_PERMISSION without CAP_NET_ADMIN
 */
export function listenToNfTables(listener: NfTablesListener): void {
  const { netns, concerns, ignorePids, onChange, onDoubt, signal } = listener;
  signal.throwIfAborted();
  let concerned = false;
  const onMessage = (message: Message): void => {
    const event = decodeNfTablesEvent(message);
    if (event?.type === 'change') concerned ||= concerns(event);
    else if (event?.type === 'generation' && concerned) {
      concerned = false;
      // In a process id namespace of our own the numbers differ: then our changes are looked at, and found known.
      if (event.pid !== undefined && ignorePids.has(event.pid)) return;
      onChange(event.program === undefined ? undefined : `${event.program} (pid ${event.pid ?? 'unknown'})`);
    }
  };
  try {
    const monitor = MonitorSocket.open({
      netns,
      protocol: NETLINK_NETFILTER,
      groups: [NFNLGRP_NFTABLES],
      onMessage,
      // What was lost may have been about us: look.
      onOverrun: onChange,
      onError: (error) => onDoubt(`packet filter events: ${asFlanError(error).message}`),
    });
    signal.addEventListener('abort', () => monitor.close(), { once: true });
  } catch (cause) {
    if (!(cause instanceof SysError) || cause.errnoName !== 'EPERM') throw cause;
    throw new FlanError('E_PERMISSION', 'cannot hear of packet filter changes: not permitted', {
      hint: 'Run as root (CAP_NET_ADMIN is needed).',
      cause,
    });
  }
}
