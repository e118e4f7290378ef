import { bool, bytes, type Decoded, id64, int, type Message, message, repeated, string, sub } from './protobuf.js';

/**
 * The messages of etcd's v3 API that flan needs, field numbers as in etcd's api/etcdserverpb/rpc.proto and
 * api/mvccpb/kv.proto. They have not changed since etcd 3.4; members that flan does not read are left out.
 */
const header = message('ResponseHeader', { clusterId: id64(1), memberId: id64(2), revision: int(3) });

const keyValue = message('KeyValue', {
  key: bytes(1),
  createRevision: int(2),
  modRevision: int(3),
  version: int(4),
  value: bytes(5),
  lease: id64(6), // 0: no lease, the key stays
});
export type KeyValue = Decoded<typeof keyValue>;

const rangeRequest = message('RangeRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  limit: int(3),
  revision: int(4), // 0: the newest
  minCreateRevision: int(12),
});
const rangeResponse = message('RangeResponse', {
  header: sub(1, header),
  kvs: repeated(2, keyValue),
  more: bool(3),
});

const putRequest = message('PutRequest', { key: bytes(1), value: bytes(2), lease: id64(3) });
const putResponse = message('PutResponse', { header: sub(1, header) });

const deleteRequest = message('DeleteRangeRequest', { key: bytes(1), rangeEnd: bytes(2) });
const deleteResponse = message('DeleteRangeResponse', { header: sub(1, header), deleted: int(2) });

/** CompareResult and CompareTarget of rpc.proto. */
export const RESULT = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
export const TARGET = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

const compare = message('Compare', {
  result: int(1),
  target: int(2),
  key: bytes(3),
  version: int(4),
  createRevision: int(5),
  modRevision: int(6),
  rangeEnd: bytes(64),
});
const requestOp = message('RequestOp', {
  range: sub(1, rangeRequest),
  put: sub(2, putRequest),
  delete: sub(3, deleteRequest),
});
const responseOp = message('ResponseOp', {
  range: sub(1, rangeResponse),
  put: sub(2, putResponse),
  delete: sub(3, deleteResponse),
});
const txnRequest = message('TxnRequest', {
  compare: repeated(1, compare),
  success: repeated(2, requestOp),
  failure: repeated(3, requestOp),
});
const txnResponse = message('TxnResponse', {
  header: sub(1, header),
  succeeded: bool(2),
  responses: repeated(3, responseOp),
});
type InputOf<M> = M extends Message<unknown, infer I> ? I : never;
export type Compare = InputOf<typeof compare>;
export type RequestOp = InputOf<typeof requestOp>;

const grantRequest = message('LeaseGrantRequest', { ttl: int(1), id: id64(2) });
const grantResponse = message('LeaseGrantResponse', { header: sub(1, header), id: id64(2), ttl: int(3) });
const revokeRequest = message('LeaseRevokeRequest', { id: id64(1) });
const revokeResponse = message('LeaseRevokeResponse', { header: sub(1, header) });
const keepAliveRequest = message('LeaseKeepAliveRequest', { id: id64(1) });
/** A `ttl` of 0 or less: the lease is gone. */
const keepAliveResponse = message('LeaseKeepAliveResponse', { header: sub(1, header), id: id64(2), ttl: int(3) });

const timeToLiveRequest = message('LeaseTimeToLiveRequest', { id: id64(1) });
/** A `ttl` of 0 or less: the lease is gone. */
const timeToLiveResponse = message('LeaseTimeToLiveResponse', { header: sub(1, header), id: id64(2), ttl: int(3) });

/** Event.EventType of kv.proto. */
export const EVENT = { put: 0, delete: 1 } as const;
const event = message('Event', { type: int(1), kv: sub(2, keyValue) });
export type Event = Decoded<typeof event>;

const watchCreate = message('WatchCreateRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  startRevision: int(3),
  progressNotify: bool(4),
  fragment: bool(8),
});
const watchRequest = message('WatchRequest', { create: sub(1, watchCreate) });
const watchResponse = message('WatchResponse', {
  header: sub(1, header),
  watchId: int(2),
  created: bool(3),
  canceled: bool(4),
  compactRevision: int(5),
  cancelReason: string(6),
  fragment: bool(7), // more of the same response follows
  events: repeated(11, event),
});
export type WatchResponse = Decoded<typeof watchResponse>;

const authenticateRequest = message('AuthenticateRequest', { name: string(1), password: string(2) });
const authenticateResponse = message('AuthenticateResponse', { header: sub(1, header), token: string(2) });

export interface Method<T, I> {
  /** HTTP/2 `:path` of the call. */
  readonly path: `/etcdserverpb.${string}/${string}`;
  readonly request: Message<unknown, I>;
  readonly response: Message<T, never>;
}

const method = <T, I>(
  path: Method<T, I>['path'],
  request: Message<unknown, I>,
  response: Message<T, never>,
): Method<T, I> => ({ path, request, response });

export const RANGE = method('/etcdserverpb.KV/Range', rangeRequest, rangeResponse);
export const TXN = method('/etcdserverpb.KV/Txn', txnRequest, txnResponse);
export const GRANT = method('/etcdserverpb.Lease/LeaseGrant', grantRequest, grantResponse);
export const REVOKE = method('/etcdserverpb.Lease/LeaseRevoke', revokeRequest, revokeResponse);
export const TIME_TO_LIVE = method('/etcdserverpb.Lease/LeaseTimeToLive', timeToLiveRequest, timeToLiveResponse);
export const KEEP_ALIVE = method('/etcdserverpb.Lease/LeaseKeepAlive', keepAliveRequest, keepAliveResponse);
export const WATCH = method('/etcdserverpb.Watch/Watch', watchRequest, watchResponse);
export const AUTHENTICATE = method('/etcdserverpb.Auth/Authenticate', authenticateRequest, authenticateResponse);
