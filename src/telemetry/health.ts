import type { Condition } from '../reconcile/view.js';

/** What is known of the process at one moment. */
export interface Vitals {
  /** Why there is no run yet or no more; absent while there is one. */
  readonly idle?: string;
  /** How long the loop has had work and got none of it done. */
  readonly stalledMs: number;
  /** How long ago the kernel's echo was heard the last time. */
  readonly unheardMs: number;
  readonly condition: Condition;
}

export interface Check {
  readonly name: 'reconcile' | 'kernel events' | 'ready';
  readonly state: 'ok' | 'failed';
  readonly detail: string;
}

/** A driver may wait twice for a tool that hangs (nft), for a look of its own and for one of a round; longer is stuck. */
export const STALL_LIMIT_MS = 60_000;
/** Several echoes may be lost when the kernel has more to tell than fits. */
export const UNHEARD_LIMIT_MS = 60_000;

/**
 * Alive: work that is due gets done, and the kernel is heard. Waiting for a store is alive: a restart would not bring
 * it nearer.
 */
export function alive({ idle, stalledMs, unheardMs }: Vitals): readonly Check[] {
  if (idle !== undefined) return [{ name: 'reconcile', state: 'ok', detail: idle }];
  const isStuck = stalledMs > STALL_LIMIT_MS;
  const isDeaf = unheardMs > UNHEARD_LIMIT_MS;
  return [
    {
      name: 'reconcile',
      state: isStuck ? 'failed' : 'ok',
      detail: isStuck ? `no work got done for ${seconds(stalledMs)}` : 'nothing is overdue',
    },
    {
      name: 'kernel events',
      state: isDeaf ? 'failed' : 'ok',
      detail: isDeaf ? `no echo of the kernel for ${seconds(unheardMs)}` : 'heard',
    },
  ];
}

/**
 * Ready: the first full apply is done, what this node needs whoever its peers are is in place, and its lease is held.
 * A store that is away does not count while the lease lasts: packets go on flowing. One peer that fails does not either.
 */
export function ready({ idle, condition }: Vitals): readonly Check[] {
  if (idle !== undefined) return [{ name: 'ready', state: 'failed', detail: idle }];
  const works = condition.state === 'works';
  return [{ name: 'ready', state: works ? 'ok' : 'failed', detail: condition.why ?? 'the node does its part' }];
}

export const isWell = (checks: readonly Check[]): boolean => checks.every(({ state }) => state === 'ok');

/** As the API server of Kubernetes prints its own checks. */
export const checksText = (checks: readonly Check[]): string =>
  `${checks.map(({ name, state, detail }) => `[${state === 'ok' ? '+' : '-'}] ${name}: ${detail}`).join('\n')}\n${isWell(checks) ? 'ok' : 'failed'}\n`;

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
