import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Driver, Notice, Scope } from '../../src/drivers/driver.js';
import { iptablesDriver } from '../../src/drivers/iptables.js';
import { nftablesDriver } from '../../src/drivers/nftables.js';
import { iptablesRulesKind } from '../../src/kinds/iptables-rules.js';
import { nftTableKind } from '../../src/kinds/nft-table.js';
import { FAMILIES, type Family, type Prefix } from '../../src/model/ip.js';
import { type Key, type Kind, Kinds, type Resource } from '../../src/planner/kind.js';
import { type Desired, type Plan, plan } from '../../src/planner/plan.js';
import { type Step, subjectOf } from '../../src/planner/step.js';
import { iptablesRulesOf } from '../../src/traffic/iptables.js';
import { nftTableOf } from '../../src/traffic/nftables.js';
import { type TrafficSettings, trafficRules } from '../../src/traffic/rules.js';
import type { TestNetns } from '../support/netns.js';

export type Mode = 'nftables' | 'iptables';

export const NETWORKS: Readonly<Record<Family, Pick<TrafficSettings, 'network' | 'subnet'>>> = {
  4: { network: '10.244.0.0/16' as Prefix, subnet: '10.244.3.0/24' as Prefix },
  6: { network: 'fd00:10:244::/48' as Prefix, subnet: 'fd00:10:244:3::/64' as Prefix },
};

export type Wish = Partial<Pick<TrafficSettings, 'masquerade' | 'forward' | 'fullyRandom' | 'exclude'>>;

/** What a mode asks for in both families. */
export function wanted(mode: Mode, wish: Wish = {}): readonly Resource[] {
  const resourceOf = mode === 'nftables' ? nftTableOf : iptablesRulesOf;
  return FAMILIES.map((family) =>
    resourceOf({
      family,
      rules: trafficRules({
        family,
        ...NETWORKS[family],
        masquerade: true,
        forward: true,
        fullyRandom: true,
        exclude: [],
        ...wish,
      }),
    }),
  ).filter((resource) => resource !== undefined);
}

export const kinds = new Kinds([iptablesRulesKind, nftTableKind] as readonly unknown[] as Kind[]);
const ownership = { protocol: 70, networks: [] };

export interface TrafficHost {
  readonly drivers: Readonly<Record<Mode, Driver>>;
  readonly signal: AbortSignal;
  want(resources: readonly Resource[]): void;
  /** Looks and compares; changes nothing. */
  plan(): Promise<Plan>;
  /** Brings about what is wanted. Throws what fails. */
  reconcile(): Promise<Plan>;
  scope(): Scope;
  follow(mode: Mode, tell: (notice: Notice) => void): Promise<void>;
  close(): void;
}

export interface HostOptions {
  readonly netns: TestNetns;
  readonly searchPath?: string | undefined;
  readonly legacyPollMs?: number;
}

/** A host with both drivers, as a running flan has them, reconciled by the real planner. */
export function trafficHost({ netns, ...options }: HostOptions): TrafficHost {
  // With a memory, which must never hide a change.
  const memoryDir = mkdtempSync(join(tmpdir(), 'flan-memory-'));
  const toolbox = { netns: netns.name, memoryDir, ...options };
  const drivers = { nftables: nftablesDriver(toolbox), iptables: iptablesDriver(toolbox) };
  const stop = new AbortController();
  let desired: Desired = new Map();
  const scope = (): Scope => ({
    ownership,
    families: FAMILIES,
    tables: [],
    wants: (key: Key) => desired.has(key),
    named: [],
  });
  const look = async (): Promise<Plan> => {
    const seen = await Promise.all(Object.values(drivers).map((driver) => driver.observe(scope(), stop.signal)));
    const observed = new Map(seen.flatMap(({ resources }) => resources).map((each) => [kinds.key(each), each]));
    return plan({ desired, observed, kinds, ownership });
  };
  return {
    drivers,
    signal: stop.signal,
    scope,
    want: (resources) => {
      desired = new Map(resources.map((resource) => [kinds.key(resource), { resource, because: 'the test' }]));
    },
    plan: look,
    reconcile: async () => {
      const todo = await look();
      for (const action of ['make', 'break'] as const) {
        for (const mode of ['nftables', 'iptables'] as const) {
          const steps = todo.steps.filter(
            (step) => (step.action === 'delete') === (action === 'break') && modeOf(step) === mode,
          );
          for (const outcome of await drivers[mode].perform(steps, stop.signal)) {
            if (outcome.status !== 'done') throw outcome.error;
          }
        }
      }
      return todo;
    },
    follow: (mode, tell) => drivers[mode].follow?.(scope(), tell, stop.signal) ?? Promise.resolve(),
    close: () => {
      stop.abort();
      for (const driver of Object.values(drivers)) driver.close();
      rmSync(memoryDir, { recursive: true, force: true });
    },
  };
}

const modeOf = (step: Step): Mode => (subjectOf(step).kind === 'nft-table' ? 'nftables' : 'iptables');

export interface ProgramDirectory {
  readonly path: string;
  /** A shell script by that name; the real programs are in /usr/sbin. */
  script(name: string, body: string): void;
  link(name: string, target: string): void;
  read(name: string): string;
  close(): void;
}

/** A directory to be the search path, with the programs that the test wants found. */
export function programDirectory(): ProgramDirectory {
  const path = mkdtempSync(join(tmpdir(), 'flan-programs-'));
  return {
    path,
    script: (name, body) => {
      writeFileSync(join(path, name), `#!/bin/sh\n${body}\n`);
      chmodSync(join(path, name), 0o755);
    },
    link: (name, target) => symlinkSync(target, join(path, name)),
    read: (name) => {
      try {
        return readFileSync(join(path, name), 'utf8');
      } catch {
        return '';
      }
    },
    close: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Waits until it holds; the test's own time-out is the only limit. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
