import type { Outcome } from '../drivers/driver.js';
import type { Prefix } from '../model/ip.js';
import type { Step } from '../planner/plan.js';
import type { WatchEvent } from './events.js';
import { isProtected, protectedError } from './risk.js';
import { type HoldKeeper, holdKeeper } from './rollback-hold.js';
import type { Session } from './session.js';
import { modeFilter, type WatchMode } from './watch-mode.js';

/** What `watch` must not do though the leases ask for it. */
export interface Sieve {
  /** What may be done, and what is refused with an error. What is on hold, or not for this mode, is neither. */
  sort(
    steps: readonly Step[],
    isRepair: (step: Step) => boolean,
  ): { readonly allowed: readonly Step[]; readonly refused: readonly Refused[] };
  close(): void;
}

type Refused = Exclude<Outcome, { readonly status: 'done' }>;

export interface SieveInput {
  readonly session: Pick<Session, 'kinds'>;
  readonly runtimeDir: string;
  readonly place: string;
  readonly protect: readonly Prefix[];
  readonly mode: WatchMode;
  readonly tell: (event: WatchEvent) => void;
  /** Something may be done now that might not before: look at everything again. */
  readonly onFree: (why: string) => void;
}

export function sieve({ session, runtimeDir, place, protect, mode, tell, onFree }: SieveInput): Sieve {
  const filter = modeFilter({ mode, tell });
  const hold: HoldKeeper = holdKeeper({
    ...{ runtimeDir, place, kinds: session.kinds },
    onHeld: ({ checkpoint, sinceMs }, keys) => tell({ type: 'on-hold', checkpoint, sinceMs, keys }),
    onChange: () => {
      const why = hold.current() === undefined ? 'the hold was ended' : 'something else is on hold';
      tell({ type: 'resumed', why });
      onFree(why);
    },
  });
  return {
    sort(steps, isRepair) {
      const free = filter.allowed(hold.allowed(steps), isRepair);
      if (!free.some((step) => isProtected(step, protect))) return { allowed: free, refused: [] };
      const refused = free
        .filter((step) => isProtected(step, protect))
        .map((step): Refused => ({ step, status: 'failed', error: protectedError(step) }));
      return { allowed: free.filter((step) => !isProtected(step, protect)), refused };
    },
    close: () => hold.close(),
  };
}
