import { type Kind, keyOf } from '../planner/kind.js';

/** Whether a cloud lets an interface send and get packets of addresses that are not its own: those of pods. */
export interface CloudForwarding {
  readonly kind: 'cloud-forwarding';
  /** The cloud's name of the interface. */
  readonly interface: string;
  readonly allowed: boolean;
}

export const cloudForwardingKind: Kind<CloudForwarding> = {
  kind: 'cloud-forwarding',
  rank: 25,
  readByName: true,
  key: (forwarding) => keyOf('cloud-forwarding', forwarding.interface),
  fields: ['allowed'],
  inPlace: ['allowed'],
  needs: () => [],
  // Like a sysctl: read by name, and nothing to undo, since others on this instance may rely on it.
  owns: () => true,
  describe: ({ allowed }) => (allowed ? 'allowed' : 'refused'),
};
