import { kinds } from '../kinds/index.js';
import { subnetsOf } from '../model/lease.js';
import type { AppliedChange, WatchEvent } from '../reconcile/events.js';
import { fieldChanges } from './changes.js';
import { type Paint, plain, VERBS } from './paint.js';
import { guarded, printable } from './printable.js';

function ms(value: number): string {
  if (value >= 10_000) return `${Math.round(value / 1000)} s`;
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

/** More than this many changes at once are counted instead of listed. */
const LISTED = 5;

function appliedWords(changes: readonly AppliedChange[]): string {
  if (changes.length <= LISTED) {
    return changes.map(({ action, key, reason }) => `${VERBS[action].symbol} ${action} ${key} (${reason})`).join('; ');
  }
  const counts = new Map<string, number>();
  for (const { action } of changes) counts.set(action, (counts.get(action) ?? 0) + 1);
  return [...counts].map(([action, count]) => `${count} × ${action}`).join(', ');
}

/** One event as one line, without the time; undefined for what people need not read. */
export function watchLine(event: WatchEvent, unguarded: Paint = plain): string | undefined {
  const paint = guarded(unguarded);
  switch (event.type) {
    case 'lease':
      return printable(`lease ${subnetsOf(event.lease).join(' ')} ${event.why}`);
    case 'waiting': {
      const { message, hint } = event.error;
      return paint.yellow(`waiting: ${message}${hint === undefined ? '' : ` (${hint})`}`);
    }
    case 'lease-lost':
      return paint.red(`lease lost: ${event.error.message}`);
    case 'ready': {
      const failed = event.failed === 0 ? '' : paint.red(`, ${event.failed} failed`);
      return (
        paint.green(
          `ready: ${event.peers} ${event.peers === 1 ? 'peer' : 'peers'}, ${event.resources} objects in place after ${ms(event.tookMs)}`,
        ) + failed
      );
    }
    case 'applied':
      return printable(`applied in ${ms(event.tookMs)}: ${appliedWords(event.changes)}`);
    case 'failed': {
      const more = event.more === 0 ? '' : ` (and ${event.more} more)`;
      return paint.red(`failed ${event.key}: ${event.error.message}${more}`);
    }
    case 'drift': {
      const { key, what, now, by } = event.drift;
      const value = now === undefined ? '' : ` to ${kinds.of(now).describe(now)}`;
      return paint.yellow(`drift ${key} was ${what}${value}${by === undefined ? '' : ` by ${by}`}`);
    }
    case 'healed':
      return paint.green(`healed ${event.key} in ${ms(event.tookMs)}`);
    case 'fight':
      return paint.red(
        `fight ${event.key} was changed back ${event.times} times${event.by ? ` by ${event.by}` : ''}: waiting`,
      );
    case 'conflict': {
      const { key, before, after, fields } = event.conflict;
      return paint.red(`conflict ${key}: something foreign stands there (${fieldChanges(before, after, fields)})`);
    }
    case 'resync':
      return printable(`resync (${event.why}) in ${ms(event.tookMs)}`);
    case 'peer':
      return printable(`peer ${event.lease} ${event.change}`);
    case 'quarantined':
      return paint.yellow(`left out ${event.entry}: ${event.error.message}`);
    case 'held':
      return paint.red(
        `held: the leases would remove ${event.would} of ${event.of} ${event.what}; waiting ${ms(event.holdMs)}`,
      );
    case 'store':
      if (event.state === 'connected') return 'store connected';
      return paint.yellow(`store disconnected, next try in ${ms(event.retryInMs)}: ${event.error.message}`);
    case 'host':
      return printable(`host: ${event.what}`);
    case 'warning':
      return paint.yellow(`warning ${event.warning.message} (${event.warning.code})`);
    case 'reload':
      if (event.result === 'refused') {
        return paint.red(`reload refused, everything goes on as it was: ${event.error.message}`);
      }
      return printable(`reload: ${event.result === 'unchanged' ? 'nothing changed' : event.changed.join(', ')}`);
    case 'dumped':
      return printable(`state written to ${event.path}`);
    case 'pending-confirm': {
      const at = new Date(event.deadlineMs).toISOString();
      return paint.yellow(`waiting for flan confirm of ${event.checkpoint}, until ${at}`);
    }
    case 'rolled-back': {
      const left = event.left === 0 ? '' : `, ${event.left} could NOT be undone`;
      return paint.red(`rolled back ${event.checkpoint} (${event.why}): ${event.undone} undone${left}`);
    }
    case 'on-hold': {
      const what = event.keys === 1 ? '1 change' : `${event.keys} changes`;
      return paint.yellow(`on hold: ${what} as rolled back with ${event.checkpoint}, until flan resume`);
    }
    case 'resumed':
      return printable(`resumed: ${event.why}`);
    case 'spared':
      return paint.yellow(`left as it is (mode ${event.mode}): ${appliedWords(event.changes)}`);
    case 'stopped':
      return `stopped: ${event.why}; everything stays in place`;
  }
}
