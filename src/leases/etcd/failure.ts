import { type ServiceError, status } from '@grpc/grpc-js';
import { FlanError } from '../../errors.js';

/** What a failed call means to its caller. */
export type Meaning =
  /** This server cannot answer now: another one may. */
  | 'unreachable'
  /** The session token is no longer good: log in again. */
  | 'token'
  | 'login'
  | 'permission'
  /** The revision asked for is no longer kept. */
  | 'compacted'
  /** The etcd lease named in the call is gone. */
  | 'no-lease'
  | 'auth-off'
  | 'refused';

export const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;

/** Reads etcd's words (api/v3rpc/rpctypes/error.go): one gRPC code stands for many meanings. */
export function meaningOf({ code, details }: { readonly code: number; readonly details: string }): Meaning {
  if (/invalid auth token|revision of auth store is old/.test(details)) return 'token';
  if (/authentication is not enabled/.test(details)) return 'auth-off';
  if (/authentication failed|user name is empty|user name not found|password is empty/.test(details)) return 'login';
  if (/permission denied/.test(details) || code === status.PERMISSION_DENIED) return 'permission';
  if (/required revision has been compacted/.test(details)) return 'compacted';
  if (/requested lease not found/.test(details)) return 'no-lease';
  if (code === status.UNAUTHENTICATED) return 'token';
  if (/database space exceeded/.test(details)) return 'refused';
  return TRANSIENT.includes(code) ? 'unreachable' : 'refused';
}

// INTERNAL, UNKNOWN and CANCELLED are what grpc-js makes of broken HTTP/2 streams.
const TRANSIENT: readonly number[] = [
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.INTERNAL,
  status.UNKNOWN,
  status.CANCELLED,
  status.ABORTED,
];

/** A failed call: a FlanError for everybody, and the meaning of etcd's words for the code that made the call. */
export class EtcdFailure extends FlanError {
  override readonly name = 'EtcdFailure';
  readonly meaning: Meaning;
  constructor(failure: Failure) {
    const error = storeError(failure);
    super(error.code, error.message, error);
    this.meaning = meaningOf(failure);
  }
}

export const hasMeaning = (error: unknown, meaning: Meaning): error is EtcdFailure =>
  error instanceof EtcdFailure && error.meaning === meaning;

export interface Failure {
  readonly code: number;
  readonly details: string;
  /** The server that failed, for people. */
  readonly endpoint: string;
  readonly user: string | undefined;
  readonly cause?: unknown;
}

/** In words for people. Requests are never part of it: they may carry a password. */
function storeError(failure: Failure): FlanError {
  const { details, endpoint, cause } = failure;
  const who = failure.user === undefined ? 'without a user' : `as user '${failure.user}'`;
  switch (meaningOf(failure)) {
    case 'token':
    case 'login':
      return new FlanError('E_STORE_AUTH', `etcd ${endpoint} refuses the login ${who}: ${details}`, {
        hint:
          failure.user === undefined ? 'set etcd-username and etcd-password' : 'check etcd-username and etcd-password',
        cause,
      });
    case 'permission':
      return new FlanError('E_STORE_PERMISSION', `etcd ${endpoint} does not permit this ${who}: ${details}`, {
        hint: "grant the user's role read and write on the prefix: etcdctl role grant-permission ROLE --prefix readwrite PREFIX/",
        cause,
      });
    case 'unreachable':
      return new FlanError('E_STORE_UNREACHABLE', `etcd ${endpoint} does not answer: ${details}`, {
        hint: hintFor(details),
        retry: true,
        cause,
      });
    default:
      return new FlanError('E_STORE_REFUSED', `etcd ${endpoint} refuses: ${details}`, {
        hint: /database space exceeded/.test(details)
          ? 'compact and defragment etcd, then clear the alarm: etcdctl alarm disarm'
          : 'look at the log of the etcd server',
        retry: /database space exceeded/.test(details),
        cause,
      });
  }
}

function hintFor(details: string): string {
  if (/certificate|self.signed|altname|unable to verify/i.test(details)) {
    return 'check etcd-cafile, and that the server certificate names the host in etcd-endpoints';
  }
  if (/SSL|TLS|handshake|alert/i.test(details)) {
    return 'check that http or https in etcd-endpoints fits the server, and whether it asks for a client certificate';
  }
  return 'check etcd-endpoints and that etcd runs there: etcdctl --endpoints=URL endpoint health';
}
