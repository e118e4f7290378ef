import { bridgeFilter } from './bridge-filter.js';
import { capabilities } from './capabilities.js';
import { certificates } from './certificates.js';
import { clock } from './clock.js';
import type { DoctorFacts } from './facts.js';
import type { Check, Finding, Judgement } from './finding.js';
import { firewalld } from './firewalld.js';
import { flanneld } from './flanneld.js';
import { forwarding } from './forwarding.js';
import { publicAddresses } from './leases.js';
import { leftovers } from './leftovers.js';
import { daemon, lock } from './lock.js';
import { modules } from './modules.js';
import { mtu } from './mtu.js';
import { networkManager } from './network-manager.js';
import { networkd } from './networkd.js';
import { ports } from './ports.js';
import { rpFilter } from './rp-filter.js';
import { plan, store } from './store.js';
import { subnetEnv } from './subnet-env.js';

/** Every check, in the order people read them: what all else hangs on first. */
export const CHECKS: readonly Check[] = [
  ...[store, certificates, clock, plan, publicAddresses],
  ...[capabilities, modules, ports, mtu, subnetEnv],
  ...[forwarding, rpFilter, bridgeFilter],
  ...[flanneld, networkd, networkManager, firewalld, leftovers, lock, daemon],
];

export interface Examined {
  readonly check: string;
  readonly judgement: Judgement;
}

export interface Diagnosis {
  readonly examined: readonly Examined[];
  /** Errors first. */
  readonly findings: readonly (Finding & { readonly check: string })[];
}

export function diagnose(facts: DoctorFacts): Diagnosis {
  const examined = CHECKS.map(({ name, judge }) => ({ check: name, judgement: judge(facts) }));
  const findings = examined.flatMap(({ check, judgement }) =>
    judgement.state === 'found' ? judgement.findings.map((finding) => ({ check, ...finding })) : [],
  );
  const rank = ({ severity }: Finding): number => (severity === 'error' ? 0 : 1);
  return { examined, findings: findings.sort((a, b) => rank(a) - rank(b)) };
}
