import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { kinds } from '../../src/kinds/index.js';
import { canonicalJson } from '../../src/planner/fingerprint.js';
import type { Preview } from '../../src/reconcile/compute.js';
import { followSavedPlan, movedSince, savePlan } from '../../src/reconcile/saved-plan.js';
import { decodeSavedPlan } from '../../src/reconcile/saved-plan-decode.js';
import { type FleetDocument, fleetSummary, fleetText, type HostPlan } from '../../src/report/fleet.js';
import { planAnnotations } from '../../src/report/github.js';
import { fleetMarkdown } from '../../src/report/markdown.js';
import { ndjson, planEvents } from '../../src/report/ndjson.js';
import { shownPlanText } from '../../src/report/saved-plan-text.js';
import { planDiff } from '../../src/report/unified-diff.js';
import { previewOf, readInput } from './case.js';

const ROOT = import.meta.dirname;
const CREATED_MS = Date.parse('2026-11-01T00:00:00Z');
const host = { node: 'node-a', node_id: 'id-a', machine: 'm', netns: 'n' };

const cases = (readdirSync(ROOT, { recursive: true }) as string[])
  .filter((path) => path.endsWith('/input.yaml'))
  .map((path) => relative(ROOT, join(ROOT, path, '..')))
  .sort()
  .flatMap((name): (readonly [string, Preview])[] => {
    try {
      return [[name, previewOf(readInput(join(ROOT, name)))]];
    } catch (error) {
      if (error instanceof FlanError) return [];
      throw error;
    }
  });

const saved = (preview: Preview) =>
  savePlan({ preview, kinds, host, adopt: 'no', nowMs: CREATED_MS, validMs: 86_400_000 });
const caseOf = (name: string): Preview => {
  const preview = new Map(cases).get(name);
  if (preview === undefined) throw new Error(`there is no case ${name}`);
  return preview;
};

describe.each(cases)('%s, saved,', (_name, preview) => {
  it('reads back as it was, and is what would be done again', () => {
    const plan = saved(preview);
    const back = decodeSavedPlan({ text: `${canonicalJson(plan)}\n`, where: 'x' }, kinds);
    expect(JSON.parse(canonicalJson(back))).toEqual(JSON.parse(JSON.stringify(plan)));
    expect(movedSince(back, preview, kinds)).toEqual([]);
    const adopt = preview.plan.steps.some(({ action }) => action === 'adopt') ? 'yes' : 'no';
    const follow = followSavedPlan({ saved: { ...back, adopt }, kinds, allowStale: [] });
    const again = follow(preview).plan.steps;
    expect(again.map(({ action, key }) => `${action} ${key}`).sort()).toEqual(
      preview.plan.steps.map(({ action, key }) => `${action} ${key}`).sort(),
    );
  });
});

describe('formats', () => {
  const hosts: HostPlan[] = ['host-gw/stale-deleted', 'vxlan/direct-routing', 'host-gw/nothing-to-do'].flatMap(
    (name) => {
      const found = new Map(cases).get(name);
      if (found === undefined) return [];
      const node = `node-of-${name.replace('/', '-')}`;
      const document = { ...found.document, node };
      return [{ snapshot: `snapshots/${node}.json`, taken_at: '2026-11-01T00:00:00.000Z', node, document }];
    },
  );
  const error = { code: 'E_IFACE', message: 'no interface for IPv4 traffic between nodes', hint: 'Name one.' };
  const all = [...hosts, { snapshot: 's.json', taken_at: '2026-11-01T00:00:00.000Z', node: 'node-x', error }];
  const fleet: FleetDocument = {
    format_version: '1.0',
    kind: 'flan.fleet-plan',
    hosts: all,
    summary: fleetSummary(all),
  };
  const stale = caseOf('host-gw/stale-deleted');
  const status = {
    state: 'stale',
    why: 'the host or the leases have moved since it was made',
    moved: [{ key: 'route/main/10.244.3.0/24', side: 'kernel', what: 'it is gone' }],
  } as const;

  const files: Readonly<Record<string, string>> = {
    'fleet.txt': fleetText(fleet),
    'fleet.md': fleetMarkdown(fleet),
    'annotations.txt': planAnnotations(stale.document),
    'plan.ndjson': ndjson(planEvents(stale.document)),
    'plan.diff': planDiff(stale.document),
    'shown.txt': shownPlanText({
      ...{ format_version: '1.0', kind: 'flan.shown-plan', file: 'x', status },
      saved: { ...saved(stale), flan: 'VERSION' },
    }),
  };

  it.each(Object.entries(files))('%s reads as expected', (name, text) => {
    const file = join(ROOT, 'formats', name);
    if (process.env.UPDATE_GOLDEN === '1') {
      mkdirSync(join(ROOT, 'formats'), { recursive: true });
      writeFileSync(file, text);
    }
    expect(existsSync(file) ? readFileSync(file, 'utf8') : undefined).toBe(text);
  });
});
