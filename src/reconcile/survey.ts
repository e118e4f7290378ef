import { carriedBy } from '../backends/carried.js';
import { backendOf } from '../backends/index.js';
import { unknownOptions } from '../backends/unknown-options.js';
import { checkAgainstHost } from '../config/check-host.js';
import { chooseExternal, type Explanation, type ExternalChoice } from '../host/external.js';
import type { LeaseRequest } from '../leases/store.js';
import type { CloudFacts } from '../model/cloud.js';
import type { HostFacts, RouteLookup } from '../model/facts.js';
import type { Address } from '../model/ip.js';
import type { Lease } from '../model/lease.js';
import { familiesOf } from '../model/network.js';
import type { Warning } from '../model/warning.js';
import type { PreviousEnv } from '../traffic/subnet-env.js';
import { type Inputs, inputs } from './inputs.js';
import type { Session } from './session.js';

/** What a run knows of the host and the network before it asks for leases. */
export interface Survey {
  readonly facts: HostFacts;
  readonly previous: PreviousEnv;
  /** Without an own lease. */
  readonly inputs: Inputs;
  /** What this node publishes, and what it would ask for. */
  readonly request: LeaseRequest;
  readonly explanation: readonly Explanation[];
  readonly warnings: readonly Warning[];
}

/** Looks at the host; `watch` repeats it when links or addresses change. @throws {FlanError} as `surveyOf` */
export const survey = (session: Session): Survey =>
  surveyOf({
    ...session,
    facts: session.facts(),
    previous: session.previous(),
    lookup: remembering((address) => session.lookup(address)),
    publicKey: session.publicKey?.(),
    startupOutput: session.startupOutput?.(),
    cloud: session.cloud?.(),
  });

/** The host alone: also where the backend would refuse to work on it. @throws {FlanError} E_IFACE */
export function lookAround(session: Session): ExternalChoice & Pick<Survey, 'facts'> {
  const { network, selection } = session;
  const facts = session.facts();
  const families = familiesOf(carriedBy(backendOf(network.backend.type), network).network);
  return { facts, ...chooseExternal({ facts, selection, families }) };
}

/** One answer per address for the life of a survey: the next survey asks anew. */
function remembering(ask: Inputs['context']['lookup']): Inputs['context']['lookup'] {
  const known = new Map<Address, RouteLookup | undefined>();
  return (address) => {
    if (!known.has(address)) known.set(address, ask(address));
    return known.get(address);
  };
}

export interface SurveyInput extends Pick<Session, 'network' | 'selection' | 'identity' | 'options' | 'warnings'> {
  readonly facts: HostFacts;
  /** What subnet.env holds from an earlier run. */
  readonly previous: PreviousEnv;
  /** Asks the kernel; answers from the facts when absent. */
  readonly lookup?: Inputs['context']['lookup'];
  readonly publicKey?: string | undefined;
  readonly startupOutput?: string | undefined;
  readonly cloud?: CloudFacts | undefined;
}

/** What follows from values that have been read. @throws {FlanError} when there is no interface, no such backend */
export function surveyOf(input: SurveyInput): Survey {
  const { facts, previous, selection, identity, options } = input;
  const { network, warnings: cut } = carriedBy(backendOf(input.network.backend.type), input.network);
  const { external, explanation, warnings } = chooseExternal({ facts, selection, families: familiesOf(network) });
  const made = inputs({
    ...{ network, external, identity, options, own: undefined },
    previous: previous.networks,
    links: facts.links,
    lookup: input.lookup ?? ((address) => facts.lookups[address]),
    publicKey: input.publicKey,
    startupOutput: input.startupOutput,
    cloud: input.cloud,
  });
  const unknown = unknownOptions(made.backend, network.backend.options);
  return {
    facts,
    previous,
    inputs: made,
    request: requestOf(made, previous),
    explanation,
    warnings: [...input.warnings, ...unknown, ...cut, ...warnings, ...made.backend.check(made.context)],
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

/** What this node publishes, given what it has published before if `made` knows its lease. */
export function requestOf(made: Inputs, previous: LeaseRequest['previous']): LeaseRequest {
  const { network, identity, external, backend, context } = made;
  const data = backend.advertise(context);
  const published: Record<number, object> = {};
  for (const family of familiesOf(network)) {
    const [publicIp, backendData] = [external[family]?.publicIp, data[family]];
    published[family] = { ...(publicIp && { publicIp }), ...(backendData !== undefined && { backendData }) };
  }
  return { network, identity, backendType: backend.publishedType, published, previous };
}
