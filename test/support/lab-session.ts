import { openSession } from '../../src/commands/session.js';
import { nodeFiles } from '../../src/config/files.js';
import { loadSettings } from '../../src/config/settings.js';
import type { Driver, Notice, Outcome, Scope } from '../../src/drivers/driver.js';
import { Drivers } from '../../src/drivers/drivers.js';
import { kinds } from '../../src/kinds/index.js';
import type { Step } from '../../src/planner/plan.js';
import type { Session } from '../../src/reconcile/session.js';

/** What stands between a session and its real drivers. */
export interface Between {
  readonly perform?: (
    steps: readonly Step[],
    go: (steps: readonly Step[]) => Promise<readonly Outcome[]>,
  ) => Promise<readonly Outcome[]>;
  readonly observe?: () => void;
  /** Whether a notice comes through. */
  readonly hears?: (notice: Notice) => boolean;
  /** Beside the real ones. */
  readonly others?: readonly Driver[];
}

/** Opens the session that the command line would open with these flags, with something put before its drivers. */
export async function openLabSession(flags: readonly string[], between: Between = {}): Promise<Session> {
  const { settings } = await loadSettings({ flags: {}, env: environmentOf(flags), cwd: '/', ...nodeFiles });
  const session = await openSession(settings, new AbortController().signal);
  return { ...session, drivers: new Drivers([tapped(session.drivers, between), ...(between.others ?? [])]) };
}

/** `--subnet-file x` as `FLAN_SUBNET_FILE=x`. */
export function environmentOf(flags: readonly string[]): Readonly<Record<string, string>> {
  const pairs = flags.flatMap((flag, i): (readonly [string, string])[] => {
    if (!flag.startsWith('--')) return [];
    const [name = '', value = flags[i + 1] ?? ''] = flag.slice(2).split('=');
    return [[`FLAN_${name.toUpperCase().replaceAll('-', '_')}`, value]];
  });
  return Object.fromEntries(pairs);
}

/** All drivers of a host as a single one that can be disturbed. */
function tapped(drivers: Drivers, { perform, observe, hears = () => true }: Between): Driver {
  const signal = new AbortController().signal;
  const go = (steps: readonly Step[]): Promise<readonly Outcome[]> => drivers.perform(steps, signal);
  return {
    name: 'tapped',
    kinds: ['link', 'address', 'neighbour', 'fdb', 'route', 'rule', 'sysctl', 'file'],
    observe: async (scope: Scope, stop: AbortSignal) => {
      observe?.();
      const { observed, foreign } = await drivers.observe(scope, kinds, stop);
      return { resources: [...observed.values()], foreign };
    },
    perform: (steps) => (perform === undefined ? go(steps) : perform(steps, go)),
    follow: (scope: Scope, tell: (notice: Notice) => void, stop: AbortSignal) =>
      drivers.follow(scope, (notice) => (hears(notice) ? tell(notice) : undefined), stop),
    close: () => drivers.close(),
  };
}
