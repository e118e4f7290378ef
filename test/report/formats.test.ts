import { applyPatch } from 'diff';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Step } from '../../src/planner/plan.js';
import {
  byUrgency,
  type FleetDocument,
  fleetLine,
  fleetSummary,
  fleetText,
  type HostPlan,
} from '../../src/report/fleet.js';
import { annotation, planAnnotations } from '../../src/report/github.js';
import { fleetMarkdown, planMarkdown } from '../../src/report/markdown.js';
import { planDiff } from '../../src/report/unified-diff.js';
import { yamlText } from '../../src/report/yaml.js';
import { change, create, documentOf, remove, someFile, someRoute } from './fixtures.js';

const NASTY = 'x::error::y\r\n::stop-commands::z 100% <script> @all `a` | b';

const hostOf = (node: string, steps: readonly Step[]): HostPlan => ({
  ...{ snapshot: `snapshots/${node}.json`, taken_at: '2026-11-01T00:00:00.000Z', node },
  document: documentOf(steps, { node }),
});

const fleetOf = (hosts: readonly HostPlan[]): FleetDocument => ({
  ...{ format_version: '1.0', kind: 'flan.fleet-plan', hosts, summary: fleetSummary(hosts) },
});

const many = (count: number): Step[] =>
  Array.from({ length: count }, (_, i) => create(someRoute(`10.${64 + (i >> 8)}.${i & 255}.0/24`)));

describe('annotations for GitHub', () => {
  it('warn of what is taken away, fail on what stands in the way, and count the rest', () => {
    const text = planAnnotations(documentOf([remove(someRoute('10.244.3.0/24')), create(someRoute())]));
    expect(text.split('\n')).toEqual([
      '::warning title=node-a%3A deletes::delete route/main/10.244.3.0/24 via 192.168.10.2 dev eth0 (no lease asks for it any more)',
      '::notice title=node-a::Plan: 1 to delete, 1 to create; 4 unchanged; 12 foreign objects left alone.',
      '',
    ]);
  });

  it('stay on their line and give no orders of their own, whatever a lease says', () => {
    const text = annotation('error', NASTY, NASTY);
    expect(text.match(/\n/g)).toHaveLength(1);
    expect(text).toMatch(/^::error title=x%3A%3Aerror%3A%3Ay/);
    expect(text).toContain('100%25');
    expect(text).not.toContain('\r');
  });

  it('say how many they leave out where GitHub would show no more', () => {
    const gone = Array.from({ length: 30 }, (_, i) => remove(someRoute(`10.244.${i}.0/24`)));
    const lines = planAnnotations(documentOf(gone)).trimEnd().split('\n');
    expect(lines).toHaveLength(11);
    expect(lines.at(-2)).toBe('::warning title=node-a%3A deletes::and 21 more');
  });
});

describe('the unified diff', () => {
  it('is a patch that turns what is there into what should be', () => {
    const before = someRoute('10.244.2.0/24', '192.168.10.2');
    const steps = [
      change(before, someRoute('10.244.2.0/24', '192.168.10.22')),
      remove(someRoute('10.244.3.0/24')),
      create(someFile('A=1\nB=2\n')),
    ];
    const diff = planDiff(documentOf(steps));
    expect(diff).toMatch(/^--- a\/node-a\.yaml\tobserved\n\+\+\+ b\/node-a\.yaml\tdesired\n@@ /);
    expect(diff).toContain('\n-  via: 192.168.10.2\n+  via: 192.168.10.22\n');
    const fields = (via: string) => ({
      ...{ type: 'unicast', via, dev: 'eth0', onlink: false, scope: 'global', proto: 70 },
    });
    const old = {
      'route/main/10.244.2.0/24': fields('192.168.10.2'),
      'route/main/10.244.3.0/24': fields('192.168.10.2'),
    };
    const patched = applyPatch(yamlText(old), diff);
    expect(patched === false ? false : parse(patched)).toEqual({
      'file/run/flannel/subnet.env': { content: 'A=1\nB=2\n', mode: 0o644 },
      'route/main/10.244.2.0/24': fields('192.168.10.22'),
    });
  });

  it('of nothing is nothing', () => {
    expect(planDiff(documentOf([]))).toBe('');
  });
});

describe('a comment in Markdown', () => {
  it('of any length can be posted, and says what it leaves out', () => {
    const text = planMarkdown(documentOf(many(5000)));
    expect(text.length).toBeLessThan(65_536);
    const rows = text.match(/^\| \+ create/gm)?.length ?? 0;
    expect(rows).toBeGreaterThan(300);
    expect(text).toContain(`…and ${5000 - rows} more`);
    expect(text).toContain('**Plan: 5000 to create;');
  });

  it('keeps the deletions when there is no room for all', () => {
    const text = planMarkdown(documentOf([...many(5000), remove(someRoute('10.250.0.0/24'))]));
    expect(text).toContain('| - delete | `route/main/10.250.0.0/24` |');
  });

  it('of a fleet is no longer, and has the worst on top', () => {
    const hosts = Array.from({ length: 300 }, (_, i) => hostOf(`node-${i}`, many(i === 299 ? 1 : 50)));
    const broken: HostPlan = {
      ...{ snapshot: 's.json', taken_at: 'T', node: 'broken', error: { code: 'E_IFACE', message: 'no interface' } },
    };
    const gone = hostOf('shrinks', [remove(someRoute())]);
    const text = fleetMarkdown(fleetOf([...hosts, broken, gone]));
    expect(text.length).toBeLessThan(65_536);
    expect(text).toMatch(/more hosts, for which there is no room here/);
    const [, , , , first, second] = text.split('\n');
    expect(first).toBe('| broken | `E_IFACE` | | | | | |');
    expect(second).toBe('| shrinks | 1 |  |  |  |  |  |');
    expect(byUrgency([...hosts, broken, gone]).slice(0, 2)).toEqual([broken, gone]);
  });

  it('folds each host, and lets nothing out of its fold', () => {
    const host = hostOf(`n</summary></details>${NASTY}`, [create(someRoute(), NASTY)]);
    // In a code span nothing is markup.
    const text = fleetMarkdown(fleetOf([host])).replace(/`[^`\n]*`/g, 'CODE');
    expect(text.match(/<details>/g)).toHaveLength(1);
    expect(text.match(/<\/details>/g)).toHaveLength(1);
    expect(text).not.toMatch(/<script>|@all/);
    const quiet = fleetMarkdown(fleetOf([hostOf('quiet', [])]));
    expect(quiet).not.toContain('<details>');
    expect(quiet).toContain('0 of 1 host changes. No changes;');
  });
});

describe('a fleet as text', () => {
  it('has a plan for each host and one line for all', () => {
    const document = fleetOf([hostOf('node-a', [create(someRoute())]), hostOf('node-b', [])]);
    const text = fleetText(document);
    expect(text).toContain('# snapshots/node-a.json, taken 2026-11-01T00:00:00.000Z\nnode-a · host-gw');
    expect(text.trimEnd().split('\n').at(-1)).toBe(fleetLine(document.summary));
    expect(fleetLine(document.summary)).toBe(
      '1 of 2 hosts change. Plan: 1 to create; 8 unchanged; 24 foreign objects left alone.',
    );
  });
});
