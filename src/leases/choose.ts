import { FlanError } from '../errors.js';
import { didYouMean } from '../model/did-you-mean.js';
import type { Identity } from '../model/facts.js';
import { type Lease, subnetsOf } from '../model/lease.js';

export interface LeaseChoice {
  /** A key, a subnet, a node's name or identity; absent: this node's. */
  readonly word: string | undefined;
  readonly leases: readonly Lease[];
  readonly identity: Identity;
}

/** Whether a lease says that it is this node's. One that flanneld wrote names nobody and so says nothing. */
export const holdsLease = ({ node, nodeId }: Identity, lease: Lease): boolean =>
  lease.nodeId === undefined ? lease.node === node : lease.nodeId === nodeId;

/** The one lease that a word means. @throws {FlanError} E_LEASE_MISSING; E_USAGE when it means several */
export function chooseLease({ word, leases, identity }: LeaseChoice): Lease {
  const found = leases.filter((lease) => (word === undefined ? holdsLease(identity, lease) : isMeant(word, lease)));
  const [first, second] = found;
  if (first === undefined) throw word === undefined ? noneHeld(identity) : unknown(word, leases);
  if (second === undefined) return first;
  throw new FlanError('E_USAGE', `${word ?? identity.node} has ${found.length} leases`, {
    hint: `Name one of them: ${found.map(({ key }) => key).join(', ')}.`,
  });
}

const isMeant = (word: string, lease: Lease): boolean =>
  lease.key === word ||
  lease.node === word ||
  lease.nodeId === word ||
  subnetsOf(lease).some((subnet) => subnet === word);

const noneHeld = ({ node }: Identity): FlanError =>
  new FlanError('E_LEASE_MISSING', `no lease names ${node}, this node`, {
    hint: 'Name a lease that `flan lease list` shows, or get one with `flan lease acquire`.',
  });

function unknown(word: string, leases: readonly Lease[]): FlanError {
  const words = leases.flatMap((lease) => [lease.key, lease.node ?? '', ...subnetsOf(lease)]).filter(Boolean);
  const guess = didYouMean(word, words);
  return new FlanError('E_LEASE_MISSING', `there is no lease ${JSON.stringify(word)}`, {
    hint: `${guess === undefined ? '' : `Did you mean ${guess}? `}Run \`flan lease list\` for all of them.`,
  });
}
