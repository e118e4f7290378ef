import { checkAgainstHost } from '../config/check-host.js';
import { chooseExternal, type Explanation } from '../host/external.js';
import type { LeaseRequest } from '../leases/store.js';
import type { HostFacts } from '../model/facts.js';
import type { Lease } from '../model/lease.js';
import { familiesOf, type Network } from '../model/network.js';
import type { Warning } from '../model/warning.js';
import type { PreviousEnv } from '../traffic/subnet-env.js';
import { type Inputs, inputs } from './inputs.js';
import type { Session } from './session.js';

/** What a run knows of the host and the network before it asks for leases. */
export interface Survey {
  readonly facts: HostFacts;
  /** Without an own lease. */
  readonly inputs: Inputs;
  /** What this node publishes, and what it would ask for. */
  readonly request: LeaseRequest;
  readonly explanation: readonly Explanation[];
  readonly warnings: readonly Warning[];
}

/** Reads the network config and the host. @throws {FlanError} when there is no network, no interface, no such backend */
export async function survey(session: Session, signal: AbortSignal): Promise<Survey> {
  return surveyHost(session, await session.store.network(signal));
}

/** The part of `survey` that asks the host only; `watch` repeats it when links or addresses change. */
export const surveyHost = (session: Session, network: Network): Survey =>
  surveyOf({ ...session, network, facts: session.facts(), previous: session.previous() });

export interface SurveyInput extends Pick<Session, 'selection' | 'identity' | 'options'> {
  readonly network: Network;
  readonly facts: HostFacts;
  /** What subnet.env holds from an earlier run. */
  readonly previous: PreviousEnv;
}

/** What follows from values that have been read. @throws {FlanError} when there is no interface, no such backend */
export function surveyOf({ network, facts, previous, selection, identity, options }: SurveyInput): Survey {
  const { external, explanation, warnings } = chooseExternal({ facts, selection, families: familiesOf(network) });
  const made = inputs({ network, external, identity, own: undefined, options, previous: previous.networks });
  return {
    facts,
    inputs: made,
    request: requestOf(made, previous),
    explanation,
    warnings: [...warnings, ...made.backend.check(made.context)],
  };
}

/**
 * The collisions between the cluster network and the host's own.
 * @throws {FlanError} E_NETWORK_OVERLAP for one that makes the overlay impossible
 */
export function hostWarnings({ network, external, own }: Inputs, facts: HostFacts): readonly Warning[] {
  const subnets = { ...(own?.ipv4 && { ipv4: own.ipv4.subnet }), ...(own?.ipv6 && { ipv6: own.ipv6.subnet }) };
  const { errors, warnings } = checkAgainstHost({ network, facts, external, own: subnets });
  for (const error of errors) throw error;
  return warnings;
}

/** The same inputs once the lease is held. */
export const withOwn = (made: Inputs, own: Lease | undefined): Inputs => ({
  ...made,
  own,
  context: { ...made.context, own },
});

function requestOf(made: Inputs, previous: LeaseRequest['previous']): LeaseRequest {
  const { network, identity, external, backend, context } = made;
  const data = backend.advertise(context);
  const published: Record<number, object> = {};
  for (const family of familiesOf(network)) {
    const [publicIp, backendData] = [external[family]?.publicIp, data[family]];
    published[family] = { ...(publicIp && { publicIp }), ...(backendData !== undefined && { backendData }) };
  }
  return { network, identity, backendType: backend.publishedType, published, previous };
}
