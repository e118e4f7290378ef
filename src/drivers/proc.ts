import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { FlanError } from '../errors.js';
import { type Sysctl, sysctlKind } from '../kinds/sysctl.js';
import type { Key } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';
import { inNetns } from '../sys/netns.js';
import type { Driver, Notice, Outcome } from './driver.js';

const pathOf = ({ path }: Sysctl): string => `/proc/sys/${path}`;

/** @returns undefined when the link, or its family, is not there */
function read(wanted: Sysctl): Sysctl | undefined {
  try {
    const value = readFileSync(pathOf(wanted), 'utf8').trim();
    return isFixed(pathOf(wanted)) ? wanted : { ...wanted, value };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

/**
 * In a container that is not privileged /proc/sys is mounted read-only: its settings are for others to make, and what
 * they are counts as right. Otherwise such a node would never be ready. flanneld goes on there too.
 */
function isFixed(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EROFS';
  }
}

function write(step: Step): Outcome {
  if (step.action === 'delete') return { step, status: 'done' };
  const sysctl = step.after as Sysctl;
  // With IPv6 switched off by ipv6.disable=1 there is nothing to set, and nothing that the setting would keep away.
  if (!existsSync(`/proc/sys/${sysctl.path.split('/').slice(0, 2).join('/')}`)) return { step, status: 'done' };
  if (isFixed(pathOf(sysctl))) return { step, status: 'done' };
  try {
    writeFileSync(pathOf(sysctl), sysctl.value);
    return { step, status: 'done' };
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    const denied = code === 'EACCES' || code === 'EPERM';
    const error = new FlanError(
      denied ? 'E_PERMISSION' : 'E_SYSCTL',
      `cannot set ${sysctl.path} to ${sysctl.value}: ${code}`,
      {
        hint: denied ? 'Give flan a writable /proc/sys.' : undefined,
        retry: true,
        cause,
      },
    );
    return { step, status: 'failed', error };
  }
}

/** The kernel tells nobody that a setting of /proc/sys was changed: so often the few that matter are read. */
const LOOK_MS = 5000;

/** Kernel settings of our links. /proc/sys/net shows the namespace of the thread that opens the file. */
export function procDriver({ netns }: { readonly netns?: string | undefined } = {}): Driver {
  /** As they were last seen or made. */
  const known = new Map<Key, Sysctl>();
  const timers = new Set<NodeJS.Timeout>();
  const stop = (timer: NodeJS.Timeout): void => {
    clearInterval(timer);
    timers.delete(timer);
  };
  const look = (tell: (notice: Notice) => void): void => {
    for (const [key, before] of known) {
      const now = read(before);
      // A link that is gone is told of by others.
      if (now === undefined || now.value === before.value) continue;
      known.set(key, now);
      tell({ type: 'seen', key, resource: now });
    }
  };
  const inside = <T>(action: () => T): T => (netns === undefined ? action() : inNetns(netns, action));
  return {
    name: 'proc',
    kinds: ['sysctl'],
    observe: async ({ named }) => {
      if (named.length === 0) return { resources: [], foreign: {} };
      const resources = inside(() => (named as readonly Sysctl[]).flatMap((wanted) => read(wanted) ?? []));
      known.clear();
      for (const resource of resources) known.set(sysctlKind.key(resource), resource);
      return { resources, foreign: {} };
    },
    perform: async (steps) => {
      const outcomes = inside(() => steps.map(write));
      for (const { step, status } of outcomes) {
        if (step.action === 'delete') known.delete(step.key);
        else if (status === 'done') known.set(step.key, step.after as Sysctl);
      }
      return outcomes;
    },
    follow: async (_, tell, signal) => {
      const lookInside = (): void => {
        try {
          inside(() => look(tell));
        } catch {
          // What cannot be read now is told of by the next full look.
        }
      };
      const timer = setInterval(lookInside, LOOK_MS).unref();
      timers.add(timer);
      signal.addEventListener('abort', () => stop(timer), { once: true });
    },
    close: () => {
      for (const timer of timers) stop(timer);
    },
  };
}
