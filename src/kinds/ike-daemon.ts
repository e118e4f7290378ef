import { type Key, type Kind, keyOf } from '../planner/kind.js';

/** strongSwan's charon, which agrees on keys with peers and gives them to the kernel; all connections live in it. */
export interface IkeDaemon {
  readonly kind: 'ike-daemon';
  readonly name: 'charon';
  /** `ended`: flan started it, it was killed, and nobody wants it any more; what it left in the kernel may be there. */
  readonly state: 'running' | 'ended';
}

export const IKE_DAEMON: IkeDaemon = { kind: 'ike-daemon', name: 'charon', state: 'running' };

export const ikeDaemonKey: Key = keyOf('ike-daemon', IKE_DAEMON.name);

/** Whoever started it will do: it is reported as observed where it is wanted, or where flan started it. */
export const ikeDaemonKind: Kind<IkeDaemon> = {
  kind: 'ike-daemon',
  rank: 5,
  key: () => ikeDaemonKey,
  fields: ['state'],
  inPlace: ['state'],
  needs: () => [],
  owns: () => true,
  describe: ({ state }) => state,
};
