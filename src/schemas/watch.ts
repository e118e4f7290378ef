import {
  about,
  either,
  flag,
  integer,
  list,
  map,
  number,
  object,
  oneOf,
  ref,
  type Schema,
  text,
  timestampMs,
} from './build.js';

const failure = object({ code: text, message: text });

/** The members of each event that `watch --json` tells, beside its type and its time. */
const EVENTS: Readonly<Record<string, readonly Readonly<Record<string, Schema>>[]>> = {
  lease: [{ lease: ref('lease'), why: oneOf('held', 'renewed') }],
  waiting: [{ error: failure, 'retryInMs?': number }],
  'lease-lost': [{ error: failure }],
  ready: [{ peers: integer, resources: integer, failed: integer, tookMs: number }],
  applied: [{ changes: list(ref('applied_change')), tookMs: number }],
  failed: [{ key: ref('key'), error: failure, more: integer }],
  drift: [
    {
      drift: object({
        key: ref('key'),
        what: oneOf('deleted', 'changed'),
        'now?': about('what stands there now', ref('resource')),
        'by?': about('who did it, where that can be told', text),
      }),
    },
  ],
  healed: [{ key: ref('key'), tookMs: number }],
  fight: [{ key: ref('key'), times: integer, 'by?': text }],
  conflict: [{ conflict: ref('conflict') }],
  resync: [{ why: text, tookMs: number }],
  peer: [{ change: oneOf('added', 'changed', 'removed'), lease: text }],
  quarantined: [{ entry: text, error: failure }],
  held: [{ what: oneOf('peers', 'objects'), would: integer, of: integer, holdMs: number }],
  store: [{ state: { const: 'connected' } }, { state: { const: 'disconnected' }, error: failure, retryInMs: number }],
  host: [{ what: text }],
  warning: [{ warning: ref('warning') }],
  reload: [
    { result: oneOf('unchanged', 'changed in place', 'taken'), changed: list(text) },
    { result: { const: 'refused' }, error: failure },
  ],
  dumped: [{ path: text }],
  'pending-confirm': [{ checkpoint: text, deadlineMs: timestampMs }],
  'rolled-back': [{ checkpoint: text, why: text, undone: integer, left: integer }],
  'on-hold': [{ checkpoint: text, sinceMs: timestampMs, keys: integer }],
  resumed: [{ why: text }],
  spared: [{ mode: oneOf('warn', 'plan-only'), changes: list(ref('applied_change')) }],
  stopped: [{ why: text }],
};

/** The types of events, for the test that compares them with those that there are. */
export const EVENT_TYPES: readonly string[] = Object.keys(EVENTS);

/** One line of `flan watch --json`. */
export const WATCH_LINE: Schema = either(
  object({ type: { const: 'version' }, format_version: ref('format_version'), flan: text }),
  ...Object.entries(EVENTS).flatMap(([type, forms]) =>
    forms.map((members) => object({ at: about('when, in RFC 3339', text), type: { const: type }, ...members })),
  ),
);

/** What `flan history` lists. */
export const HISTORY_ENTRY: Schema = either(
  object({
    at: text,
    kind: { const: 'apply' },
    by: text,
    counts: ref('counts'),
    changes: list(ref('applied_change')),
    'others?': about('keys of those that are not listed, by action', map(list(ref('key')))),
    failed: integer,
    'tookMs?': number,
  }),
  object({
    at: text,
    kind: { const: 'drift' },
    key: ref('key'),
    what: oneOf('deleted', 'changed'),
    'now?': text,
    'by?': text,
  }),
  object({ at: text, kind: { const: 'repair' }, key: ref('key'), tookMs: number }),
  object({ at: text, kind: { const: 'fight' }, key: ref('key'), times: integer, 'by?': text }),
  object({ at: text, kind: { const: 'failure' }, key: ref('key'), code: text, message: text, more: integer }),
  object({ at: text, kind: { const: 'left out' }, of: text, count: integer }),
);

const some = (of: Schema): Schema =>
  about('of very many only the first are named', object({ count: integer, first: list(of) }));
const lease = object({ key: text, subnets: list(text), addresses: list(text), 'expiresAtMs?': timestampMs });

/** How a running watch does. */
export const WATCH_STATUS: Readonly<Record<string, Schema>> = {
  flan: text,
  process: object({ pid: integer, started: text }),
  startedAtMs: timestampMs,
  ready: flag,
  why: text,
  'run?': object({
    about: object({ node: text, backend: text, store: text, networks: list(text) }),
    lease,
    peers: object({
      total: integer,
      failing: some(text),
      leftOut: some(object({ entry: text, why: text })),
    }),
    objects: integer,
    failing: some(object({ key: text, code: text, message: text })),
  }),
  store: object({ state: oneOf('connected', 'disconnected', 'unknown'), sinceMs: timestampMs, 'message?': text }),
  drift: object({
    detected: integer,
    repaired: integer,
    'last?': object({ atMs: timestampMs, key: text, what: text, 'by?': text }),
  }),
  'changed?': object({ atMs: timestampMs, count: integer }),
  'guard?': object({
    sinceMs: timestampMs,
    untilMs: timestampMs,
    what: oneOf('peers', 'objects'),
    would: integer,
    of: integer,
  }),
};

/** What `flan status` tells of tunnels. */
export const TUNNELS: Schema = object({
  peers: list(
    object({
      dev: text,
      peer: about('the node, where a lease says which', text),
      'publicKey?': text,
      'endpoint?': text,
      'lastHandshakeMs?': timestampMs,
      'state?': about('of backend ipsec', oneOf('established', 'connecting', 'down')),
      'establishedMs?': timestampMs,
      receivedBytes: integer,
      sentBytes: integer,
      'packets?': object({ received: integer, sent: integer, spoofed: integer, sendErrors: integer }),
    }),
  ),
  totals: about('of backend udp', list(object({ dev: text, counts: map(integer) }))),
});

/** What `flan status` finds when it looks itself. */
export const LOOK: Schema = either(
  object({
    state: { const: 'taken' },
    backend: text,
    store: text,
    networks: list(text),
    external: list(ref('external')),
    'lease?': lease,
    peers: integer,
    leftOut: list(ref('refusal')),
    warnings: list(ref('warning')),
    summary: ref('summary'),
    changes: list(object({ action: text, key: ref('key') })),
    'needsWatch?': text,
  }),
  object({ state: { const: 'failed' }, code: text, message: text, 'hint?': text }),
);
