import { readFileSync } from 'node:fs';
import { FlanError } from '../errors.js';
import { readIdentity } from '../host/identity.js';
import type { Identity } from '../model/facts.js';
import { canonicalJson } from '../planner/fingerprint.js';
import type { Kinds } from '../planner/kind.js';
import type { PlanHost, SavedPlan } from '../report/saved-plan.js';
import { fileError } from '../sys/file-error.js';
import { netnsIdentity } from '../sys/netns-cookie.js';
import { writeOutput } from '../sys/placed-file.js';
import { decodeSavedPlan } from './saved-plan-decode.js';

/** Addresses and names of the cluster are nobody else's business. */
const MODE = 0o600;

export const savedPlanText = (saved: SavedPlan): string => `${canonicalJson(saved)}\n`;

/** @throws {FlanError} E_PERMISSION, E_FILE */
export function writeSavedPlan(path: string, saved: SavedPlan): void {
  try {
    writeOutput(path, savedPlanText(saved), MODE);
  } catch (cause) {
    throw fileError({ verb: 'write', path, cause, hint: HINT });
  }
}

/** @throws {FlanError} E_PERMISSION, E_FILE when it cannot be read, E_PLAN_FILE when it is no plan */
export const readSavedPlan = (path: string, kinds: Kinds): SavedPlan =>
  decodeSavedPlan({ text: readText(path), where: path }, kinds);

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw fileError({ verb: 'read', path, cause, hint: HINT });
  }
}

const HINT = 'Give the path of a file in a directory that you may use.';

export interface PlanHostInput {
  readonly identity: Identity;
  readonly netns?: string | undefined;
}

/** What tells this host from all others, as a saved plan names it. @throws {FlanError} E_NETNS */
export const planHost = ({ identity, netns }: PlanHostInput): PlanHost => ({
  node: identity.node,
  node_id: identity.nodeId,
  machine: machine(),
  netns: netnsIdentity(netns),
});

/** Containers often have no machine id. Then the namespace, which no other one is like, has to do. */
function machine(): string {
  try {
    return readIdentity({ node: 'any' }).nodeId;
  } catch (cause) {
    if (cause instanceof FlanError && cause.code === 'E_IDENTITY') return 'none';
    throw cause;
  }
}

/** @throws {FlanError} E_PLAN_FILE when the plan was made on another host, in another namespace or before a reboot */
export function refuseOtherHost({ host }: SavedPlan, here: PlanHost): void {
  const why = otherHost(host, here);
  if (why === undefined) return;
  throw new FlanError('E_PLAN_FILE', `the plan is for another host: ${why}`, {
    hint: 'Apply it where it was made; `flan show FILE` reads it anywhere.',
  });
}

/** How the host of a plan differs from this one; undefined when it is this one. */
export function otherHost(host: PlanHost, here: PlanHost): string | undefined {
  if (host.node !== here.node) return `it was made for ${host.node}, this is ${here.node}`;
  if (host.node_id !== here.node_id) return `it was made for the node id ${host.node_id}, this is ${here.node_id}`;
  if (host.machine !== here.machine) return 'it was made on another machine';
  return host.netns === here.netns ? undefined : 'it was made in another network namespace, or before a reboot';
}
