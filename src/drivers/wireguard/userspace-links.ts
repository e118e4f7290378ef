import { asFlanError } from '../../errors.js';
import type { Link } from '../../kinds/link.js';
import type { Resource } from '../../planner/kind.js';
import type { Step } from '../../planner/plan.js';
import { subjectOf } from '../../planner/step.js';
import type { Driver, Notice, Outcome, Scope } from '../driver.js';
import type { UserspaceWireguard } from './userspace.js';

/**
 * rtnetlink's driver where WireGuard devices are TUN devices with a process each: they read as WireGuard, and a new one is
 * started rather than asked for.
 */
export function withUserspaceWireguard(netlink: Driver, go: UserspaceWireguard): Driver {
  let scope: Scope | undefined;

  const seenAs = (resource: Resource): Resource => {
    const link = resource as Link;
    const isTun = resource.kind === 'link' && 'infoKind' in link.fixed && link.fixed.infoKind === 'tun';
    if (!isTun || !go.serves(link.name)) return resource;
    const { mac: _, ...rest } = link;
    return { ...rest, type: 'wireguard', fixed: { infoKind: 'wireguard' } } satisfies Link as Resource;
  };

  /** Starts the process. @returns what is left to do about the link it made */
  const start = async (step: Step, signal: AbortSignal): Promise<Step> => {
    if (step.action === 'replace') {
      const { before, key, needs, reason } = step;
      await netlink.perform([{ action: 'delete', before, key, needs, reason }], signal);
    }
    const after = subjectOf(step) as Link;
    await go.start(after.name, signal);
    const bare: Link = { ...after, mtu: 0, alias: '', up: false };
    const { key, needs, reason } = step;
    return { action: 'update', before: bare, after, fields: ['mtu', 'alias', 'up'], key, needs, reason };
  };

  const perform = async (steps: readonly Step[], signal: AbortSignal): Promise<readonly Outcome[]> => {
    const failed = new Map<Step, Outcome>();
    const instead = new Map<Step, Step>();
    for (const step of steps.filter(makesWireguard)) {
      try {
        instead.set(step, await start(step, signal));
      } catch (cause) {
        failed.set(step, { step, status: 'failed', error: asFlanError(cause) });
      }
    }
    // The driver knows links by their index, and these are new to it.
    if (instead.size > 0 && scope !== undefined) await netlink.observe(scope, signal);
    const rest = steps.filter((step) => !failed.has(step));
    const outcomes = await netlink.perform(
      rest.map((step) => instead.get(step) ?? step),
      signal,
    );
    const done = new Map(rest.map((step, i) => [step, outcomes[i]]));
    return steps.flatMap((step): Outcome[] => {
      const outcome = failed.get(step) ?? done.get(step);
      return outcome === undefined ? [] : [{ ...outcome, step }];
    });
  };

  return {
    ...netlink,
    observe: async (seen, signal) => {
      scope = seen;
      const { resources, foreign } = await netlink.observe(seen, signal);
      return { resources: resources.map(seenAs), foreign };
    },
    perform: (steps, signal) => (steps.some(makesWireguard) ? perform(steps, signal) : netlink.perform(steps, signal)),
    follow: async (seen, tell, signal) => {
      scope ??= seen;
      const translated = (notice: Notice): void =>
        tell(notice.type === 'seen' ? { ...notice, resource: seenAs(notice.resource) } : notice);
      await netlink.follow?.(seen, translated, signal);
    },
  };
}

function makesWireguard(step: Step): boolean {
  const subject = subjectOf(step);
  const makes = step.action === 'create' || step.action === 'replace';
  return makes && subject.kind === 'link' && (subject as Link).type === 'wireguard';
}
