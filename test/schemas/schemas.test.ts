import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planEvents, versionEvent } from '../../src/report/ndjson.js';
import { SCHEMA_NAMES, schemaOf, schemaTitle } from '../../src/schemas/index.js';
import { EVENT_TYPES } from '../../src/schemas/watch.js';
import { create, documentOf, remove, someRoute } from '../report/fixtures.js';
import { ajv, faultsOf } from '../support/schemas.js';

const SRC = join(import.meta.dirname, '../../src');
const GOLDEN = join(import.meta.dirname, '../golden');

/** Files that flan keeps for itself, whose form is nobody's business. */
const INTERNAL = ['hold', 'watch-state', 'watch-status'];

describe('the published schemas', () => {
  it.each(SCHEMA_NAMES)('%s stands by itself', (name) => {
    const schema = schemaOf(name);
    expect(schema).toMatchObject({ $id: `urn:flan:schema:${name}:1`, title: schemaTitle(name) });
    expect(() => ajv().compile(schema as object)).not.toThrow();
  });

  it('cover every kind of document in the sources', () => {
    const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const kinds = files
      .filter((file) => !file.startsWith('schemas/'))
      .flatMap((file) => [...readFileSync(join(SRC, file), 'utf8').matchAll(/kind: 'flan\.([a-z-]+)'/g)])
      .map(([, kind = '']) => kind);
    expect(kinds).toContain('plan');
    expect([...new Set(kinds)].filter((kind) => !SCHEMA_NAMES.includes(kind) && !INTERNAL.includes(kind))).toEqual([]);
  });

  it('cover every event of watch', () => {
    const source = readFileSync(join(SRC, 'reconcile/events.ts'), 'utf8');
    const types = new Set([...source.matchAll(/readonly type: '([a-z-]+)'/g)].map(([, type]) => type));
    expect([...types].sort()).toEqual([...EVENT_TYPES].sort());
  });

  it('fit every golden plan', () => {
    const plans = readdirSync(GOLDEN, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('plan.json'),
    );
    expect(plans.length).toBeGreaterThan(20);
    for (const file of plans) {
      const plan: unknown = JSON.parse(readFileSync(join(GOLDEN, file), 'utf8'));
      expect([file, faultsOf('plan', plan)]).toEqual([file, []]);
    }
  });

  it('fit every line of a plan as a stream', () => {
    const document = documentOf([create(someRoute()), remove(someRoute('10.244.3.0/24'))], {
      warnings: [{ code: 'W_X', message: 'odd' }],
      quarantined: [{ entry: 'leases/x', code: 'E_LEASE', message: 'wrong' }],
    });
    const events = [versionEvent(), ...planEvents(document)];
    expect(events.map(({ type }) => type)).toEqual([
      'version',
      'plan',
      'change',
      'change',
      'left_out',
      'warning',
      'summary',
    ]);
    for (const event of events) expect(faultsOf('plan-events', event)).toEqual([]);
  });

  it('refuse what is missing, of another type, or not named', () => {
    const good = documentOf([create(someRoute())]);
    expect(faultsOf('plan', good)).toEqual([]);
    const { node: _, ...without } = good;
    expect(faultsOf('plan', without)[0]).toContain("must have required property 'node'");
    expect(faultsOf('plan', { ...good, peers: 'three' })[0]).toContain('/peers must be integer');
    expect(faultsOf('plan', { ...good, secret: 1 })[0]).toContain('must NOT have additional properties');
    expect(faultsOf('plan', { ...good, format_version: '2.0' })[0]).toContain('/format_version must match pattern');
    // Readers are told to pass over what they do not know.
    const open = ajv().compile(schemaOf('plan') as object);
    expect(open({ ...good, later: 1 })).toBe(true);
    expect(open(without)).toBe(false);
  });
});
