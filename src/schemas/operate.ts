import {
  about,
  document,
  flag,
  integer,
  list,
  object,
  oneOf,
  open,
  ref,
  type Schema,
  text,
  timestampMs,
} from './build.js';
import type { Published } from './documents.js';
import { HISTORY_ENTRY, LOOK, TUNNELS, WATCH_LINE, WATCH_STATUS } from './watch.js';

const checkpoint = {
  id: text,
  node: text,
  createdAt: text,
  state: text,
  why: text,
  'deadline?': text,
  'owner?': open({ by: text }),
};

const part: Readonly<Record<string, Schema>> = {
  node: text,
  plan: ref('plan'),
  foreign: ref('foreign'),
  warnings: list(ref('warning')),
  summary: ref('summary'),
  other_changes: about('changes and conflicts that are for `flan apply`', integer),
  'verified?': flag,
  'outcomes?': list(ref('outcome')),
  'left?': list(ref('step')),
};

/** Documents of the commands that a running node is operated with. */
export const OPERATE_SCHEMAS: Readonly<Record<string, Published>> = {
  watch: { title: 'flan watch --json: one line. Later versions may have more types', schema: WATCH_LINE },
  status: {
    title: 'flan status --json',
    schema: document('status', {
      atMs: timestampMs,
      state: oneOf('in order', 'not in order', 'unknown'),
      problems: list(text),
      node: text,
      'watch?': object({
        format_version: ref('format_version'),
        kind: { const: 'flan.watch-status' },
        aliveAtMs: timestampMs,
        ...WATCH_STATUS,
      }),
      look: LOOK,
      'lock?': object({ state: oneOf('free', 'held'), 'holder?': text }),
      'pending?': object({ id: text, state: text, 'deadlineMs?': timestampMs }),
      'onHold?': object({ id: text, sinceMs: timestampMs, objects: integer }),
      'lastApply?': HISTORY_ENTRY,
      tunnels: TUNNELS,
    }),
  },
  explain: {
    title: 'flan explain --json',
    schema: document('explain', {
      atMs: timestampMs,
      asked: text,
      node: text,
      backend: text,
      state: text,
      problems: list(text),
      is: text,
      'lease?': open({ key: text, role: text, name: text, subnets: list(text), addresses: list(text) }),
      'kernel?': object({ address: text, answer: open({ state: oneOf('way', 'no way') }), 'wanted?': text }),
      objects: list(
        object({
          key: ref('key'),
          state: oneOf('in place', 'missing', 'differs', 'foreign', 'stale'),
          'desired?': text,
          'because?': text,
          'observed?': text,
          'since?': object({ at: text, by: text }),
          'drift?': object({ times: integer, last: object({ at: text, words: text }) }),
        }),
      ),
    }),
  },
  history: { title: 'flan history --json', schema: document('history', { entries: list(HISTORY_ENTRY) }) },
  doctor: {
    title: 'flan doctor --json',
    schema: document('doctor', {
      node: text,
      store: text,
      summary: object({ errors: integer, warnings: integer }),
      findings: list(object({ check: text, code: text, severity: oneOf('error', 'warning'), what: text, fix: text })),
      checks: list(object({ check: text, judgement: open({ state: oneOf('found', 'well', 'unknown') }) })),
    }),
  },
  adopt: { title: 'flan adopt --json', schema: document('adopt', part) },
  prune: { title: 'flan prune --json', schema: document('prune', part) },
  confirm: { title: 'flan confirm --json', schema: document('confirm', { id: text, state: text, why: text }) },
  rollback: {
    title: 'flan rollback --json',
    schema: document('rollback', {
      id: text,
      steps: list(ref('step')),
      moved: about('keys that others have changed since, left alone', list(text)),
      'state?': text,
      'outcomes?': list(ref('outcome')),
      'left?': list(ref('step')),
    }),
  },
  resume: { title: 'flan resume --json', schema: document('resume', { ended: list(open({})) }) },
  checkpoints: {
    title: 'flan checkpoint ls --json',
    schema: document('checkpoints', { checkpoints: list(object(checkpoint)) }),
  },
  checkpoint: {
    title: 'flan checkpoint show --json',
    schema: document('checkpoint', { ...checkpoint, changes: list(open({})) }),
  },
  sysdump: {
    title: 'flan sysdump --json',
    schema: document('sysdump', {
      node: text,
      path: text,
      bytes: integer,
      files: list(text),
      missing: list(object({ file: text, code: text, message: text })),
    }),
  },
  'install-cni': {
    title: 'flan install-cni --json',
    schema: document('install-cni', {
      path: text,
      state: text,
      removed: list(text),
      warnings: list(ref('warning')),
    }),
  },
};
