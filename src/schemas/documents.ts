import { about, document, either, flag, integer, list, map, object, oneOf, ref, type Schema, text } from './build.js';
import { ACTIONS } from './common.js';

export interface Published {
  readonly title: string;
  readonly schema: Schema;
}

const leaseRow = object({
  lease: ref('lease'),
  role: oneOf('own', 'peer', 'reserved', 'left out'),
  'why?': text,
  'expiry?': about('`untold`: leases of this store end, but a listing does not say when', oneOf('told', 'untold')),
});
const noted = object({ resource: ref('resource'), note: text });
const fleetSummary = object({
  ...{ create: integer, update: integer, replace: integer, adopt: integer, delete: integer },
  ...{ unchanged: integer, conflicts: integer, foreign: integer, hosts: integer, changing: integer, failed: integer },
});
const storeLease = { store: text, lease: ref('lease') };
const moved = object({ key: text, side: oneOf('desired', 'kernel'), what: text });
const cloudFacts = object({
  ...{ cloud: text, region: text, instance: text },
  interfaces: list(
    object({
      ...{ id: text, target: text, addresses: list(text), network: text, networkPrefixes: list(text) },
      ...{ table: text, forwards: flag },
    }),
  ),
  tables: list(object({ id: text, network: text, routes: integer, 'limit?': integer })),
  denied: list(text),
});
const filter = object({ masquerade: flag, forward: flag, fullyRandom: flag, exclude: list(text) });

/** A line of NDJSON: any of these, told apart by `type`. */
const event = (type: string, members: Readonly<Record<string, Schema>>): Schema =>
  object({ type: { const: type }, ...members });

const oneChange = {
  node: text,
  done: integer,
  failed: integer,
  of: integer,
  key: ref('key'),
  action: oneOf(...ACTIONS),
};

/** What an apply says beyond its outcomes. */
const safety = {
  'checkpoint?': ref('checkpoint_brief'),
  'undone?': object({ why: text, verified: flag, moved: list(text), left: list(ref('step')) }),
  'probes?': list(ref('probe_result')),
};

/** Documents of plan, apply, and what leads there. */
export const PLAN_SCHEMAS: Readonly<Record<string, Published>> = {
  plan: { title: 'flan plan --json', schema: ref('plan_document') },
  'plan-events': {
    title: 'flan plan -o ndjson: one line',
    schema: either(
      event('version', { format_version: ref('format_version'), flan: text }),
      event('plan', { node: text, backend: text, store: text, peers: integer, external: list(ref('external')) }),
      event('conflict', { node: text, conflict: ref('conflict') }),
      event('change', { node: text, change: ref('step') }),
      event('left_out', { node: text, entry: ref('refusal') }),
      event('warning', { node: text, warning: ref('warning') }),
      event('summary', { node: text, summary: ref('summary') }),
      event('error', {
        ...{ 'node?': text, code: text, message: text, 'where?': text, 'hint?': text },
        ...{ 'causes?': list(text), 'retry?': flag, 'stack?': text },
      }),
      event('total', { summary: fleetSummary }),
    ),
  },
  'fleet-plan': {
    title: 'flan plan --snapshot FILE --json',
    schema: document('fleet-plan', { hosts: list(ref('host_plan')), summary: fleetSummary }),
  },
  summary: {
    title: 'flan plan --summary-json FILE',
    schema: document('summary', {
      changes: about('whether there is anything to do, or a conflict', flag),
      text: about('for people', text),
      ...{ create: integer, update: integer, replace: integer, adopt: integer, delete: integer },
      ...{ unchanged: integer, conflicts: integer, foreign: integer },
      ...{ 'hosts?': integer, 'changing?': integer, 'failed?': integer },
    }),
  },
  'saved-plan': { title: 'flan plan --out FILE', schema: ref('saved_plan') },
  'shown-plan': {
    title: 'flan show FILE --json',
    schema: document('shown-plan', {
      file: text,
      status: object({
        state: oneOf('fresh', 'stale', 'expired', 'applied', 'other host', 'unknown'),
        why: text,
        moved: list(moved),
      }),
      saved: ref('saved_plan'),
    }),
  },
  snapshot: {
    title: 'flan snapshot',
    schema: document('snapshot', {
      flan: text,
      created_at: text,
      identity: ref('identity'),
      facts: ref('facts'),
      lookups: about(
        'which way the kernel sends to the addresses that the backend asked about; null: nowhere',
        map(either(ref('lookup'), { type: 'null' })),
      ),
      previous: about('what subnet.env said', object({ networks: list(text), 'ipv4?': text, 'ipv6?': text })),
      'public_key?': text,
      'startup_output?': text,
      'cloud?': cloudFacts,
      selection: object({
        iface: list(text),
        ifaceRegex: list(object({ source: text, flags: text })),
        'ifaceCanReach?': text,
        'publicIp?': text,
        'publicIpv6?': text,
      }),
      options: object({ subnetFile: text, protocol: integer, masquerade: flag, blackhole: flag, 'filter?': filter }),
      adopt: oneOf('yes', 'no'),
      warnings: list(ref('warning')),
      store: text,
      network: about('secret options stand as images of themselves', ref('network')),
      leases: list(ref('lease')),
      rejected: list(object({ entry: text, code: text, message: text, 'where?': text, 'hint?': text })),
      observed: list(ref('resource')),
      foreign: ref('foreign'),
    }),
  },
  apply: {
    title: 'flan apply --json',
    schema: document('apply', {
      plan: ref('plan_document'),
      verified: flag,
      outcomes: list(ref('outcome')),
      left: about('what a second look still found to be done', list(ref('step'))),
      ...safety,
    }),
  },
  'apply-events': {
    title: 'flan apply -o ndjson: one line, beside those of plan-events',
    schema: either(
      event('apply_start', { node: text, of: integer }),
      event('apply_complete', oneChange),
      event('apply_errored', {
        ...{ ...oneChange, status: oneOf('failed', 'raced', 'blocked'), error: object({ code: text, message: text }) },
      }),
      event('apply_result', {
        ...{ node: text, verified: flag, done: integer, failed: integer },
        left: about('what a second look still found to be done', list(ref('step'))),
        ...safety,
      }),
    ),
  },
  destroy: {
    title: 'flan destroy --json',
    schema: document('destroy', {
      ...{ plan: ref('plan'), foreign: ref('foreign') },
      ...{ 'verified?': flag, 'outcomes?': list(ref('outcome')), 'left?': list(ref('step')) },
    }),
  },
};

/** Documents of the commands that only look, or work on the store. */
export const OTHER_SCHEMAS: Readonly<Record<string, Published>> = {
  config: {
    title: 'flan config show --json',
    schema: document('config', { settings: list(object({ key: text, value: text, origin: text, description: text })) }),
  },
  desired: { title: 'flan show desired --json', schema: document('desired', { resources: list(noted) }) },
  observed: {
    title: 'flan show observed --json',
    schema: document('observed', { resources: list(noted), foreign: ref('foreign') }),
  },
  facts: {
    title: 'flan show facts --json',
    schema: document('facts', {
      identity: ref('identity'),
      facts: ref('facts'),
      external: map(
        object({
          family: { enum: [4, 6] },
          dev: text,
          index: integer,
          mtu: integer,
          address: text,
          publicIp: text,
          onLink: list(text),
        }),
      ),
      explanation: list(ref('explanation')),
    }),
  },
  leases: {
    title: 'flan lease list --json, flan show leases --json',
    schema: document('leases', { 'store?': text, leases: list(leaseRow), rejected: list(ref('refusal')) }),
  },
  lease: { title: 'flan lease show|acquire|reserve --json', schema: document('lease', storeLease) },
  release: { title: 'flan lease release --json', schema: document('release', storeLease) },
  validate: {
    title: 'flan validate --json',
    schema: document('validate', {
      valid: flag,
      node: text,
      backend: text,
      store: text,
      peers: integer,
      external: list(ref('external')),
      quarantined: list(ref('refusal')),
      warnings: list(ref('warning')),
    }),
  },
  fmt: { title: 'flan fmt --json', schema: document('fmt', { files: list(text), changed: list(text) }) },
  init: { title: 'flan init --json', schema: document('init', { files: list(text) }) },
  version: {
    title: 'flan version --json',
    schema: document('version', {
      flan: text,
      node: text,
      kernel: text,
      platform: text,
      formats: object({ json: ref('format_version') }),
    }),
  },
  error: {
    title: 'what stands in place of a document when a command fails',
    schema: document('error', {
      error: object({
        code: { type: 'string', pattern: '^E_[A-Z0-9_]+$' },
        message: text,
        'where?': text,
        'hint?': text,
        causes: list(text),
        retry: flag,
        'stack?': text,
      }),
    }),
  },
  'rotate-key': {
    title: 'flan wireguard rotate-key --json',
    schema: document('rotate-key', { 'before?': text, now: text, devices: list(text) }),
  },
  schemas: {
    title: 'flan schema --json',
    schema: document('schemas', { schemas: list(object({ name: text, id: text, title: text })) }),
  },
};
