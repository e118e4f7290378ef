import { describe, expect, it } from 'vitest';
import { duration } from '../../src/report/duration-words.js';
import { statusPage } from '../../src/report/status-page.js';
import type { Status } from '../../src/report/status-page-data.js';
import { HOSTILE } from './fixtures.js';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const STATUS: Status = {
  version: '1.2.3',
  nowMs: NOW,
  startedMs: NOW - 7_200_000,
  checks: [{ name: 'ready', state: 'ok', detail: 'the node does its part' }],
  about: { node: 'node-a', backend: 'vxlan', store: 'etcd http://x', networks: ['10.244.0.0/16'] },
  lease: { name: 'node-a', subnets: ['10.244.1.0/24'], addresses: ['192.0.2.1'], expiresAtMs: NOW + 3_600_000 },
  peers: [{ name: 'node-b', subnets: ['10.244.2.0/24'], addresses: ['192.0.2.2'], objects: 3, failing: 0 }],
  objects: [{ kind: 'route', desired: 4, inPlace: 3, failing: 1, foreign: 12 }],
  moments: [
    { atMs: NOW - 60_000, sort: 'drift', words: 'drift' },
    { atMs: NOW - 59_999, sort: 'repair', words: 'healed', tookMs: 1 },
    { atMs: NOW - 30_000, sort: 'note', words: 'host: eth0 moved' },
  ],
};
const count = (page: string, what: RegExp): number => [...page.matchAll(what)].length;

describe('the status page', () => {
  it('shows lease, peers, objects and what happened', () => {
    const page = statusPage(STATUS);
    for (const text of [
      '10.244.1.0/24',
      'renewed before it ends in 1 h 0 min',
      'node-b',
      '✓ in place',
      '3 / 4',
      'Ready',
    ])
      expect(page).toContain(text);
    expect(page).toContain('up 2 h 0 min');
    expect([count(page, /<circle/g), count(page, /class="tick drift"/g)]).toEqual([1, 1]);
    expect(page).toContain('aria-label="Timeline: 1 drifts, 1 repairs, 0 changes, 0 troubles"');
  });

  it('shows the newest end of the timeline where the screen is narrow', () => {
    expect(statusPage(STATUS)).toMatch(/<div class="scroll latest"><svg id="timeline"/);
    expect(statusPage(STATUS)).toContain('.latest{direction:rtl}.latest svg{direction:ltr}');
  });

  it('says why it is not ready', () => {
    const page = statusPage({ ...STATUS, checks: [{ name: 'ready', state: 'failed', detail: 'no interface' }] });
    expect(page).toContain('Not ready');
    expect(page).toContain('<p class="banner"><b>ready</b> no interface</p>');
  });

  it('is whole before there is anything to show', () => {
    const { about: _, lease: __, ...rest } = STATUS;
    const page = statusPage({ ...rest, peers: [], objects: [], moments: [] });
    expect(page).toContain('nothing has drifted');
    expect(page).toContain('No other node has a lease.');
    expect(page).not.toMatch(/undefined|NaN/);
  });

  it('says once what is said again and again', () => {
    const said = (words: string, agoMs: number) => ({ atMs: NOW - agoMs, sort: 'trouble', words }) as const;
    const moments = [said('first', 9000), said('again', 3000), said('again', 2000), said('again', 1000)];
    const list = /<ol class="log">(.*)<\/ol>/.exec(statusPage({ ...STATUS, moments }))?.[1] ?? '';
    expect(
      list
        .replace(/<[^>]*>/g, ' ')
        .split(/ {2,}/)
        .filter((word) => word !== ''),
    ).toEqual(['03:04:04', 'again', '×3', '03:03:56', 'first']);
  });

  it('brings everything itself and runs nothing', () => {
    expect(statusPage(STATUS)).not.toMatch(/<script|javascript:|\bon\w+=|src=|@import|url\(|https?:\/\/(?!x)/);
  });

  it('lets nothing that others named become part of the page', () => {
    const evil = `"><script>alert(1)</script>&'${HOSTILE}`;
    const page = statusPage({
      ...STATUS,
      about: { node: evil, backend: evil, store: evil, networks: [evil] },
      peers: [{ name: evil, subnets: [evil], addresses: [evil], objects: 1, failing: 0 }],
      objects: [{ kind: evil, desired: 1, inPlace: 1, failing: 0, foreign: 0 }],
      checks: [{ name: evil, state: 'failed', detail: evil }],
      moments: [{ atMs: NOW, sort: 'drift', words: evil }],
    });
    expect(page).not.toContain('<script');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(page).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  });

  it('places repairs by how long they took: the faster, the lower', () => {
    const page = statusPage({
      ...STATUS,
      moments: [0.01, 0.1, 1, 100, 10_000, 1e9].map((tookMs) => ({ atMs: NOW, sort: 'repair', words: 'r', tookMs })),
    });
    const heights = [...page.matchAll(/<circle[^>]* cy="([\d.]+)"/g)].map(([, y]) => Number(y));
    expect(heights).toEqual([138, 138, 114, 66, 18, 18]);
  });

  it('takes the time axis that what happened fits on', () => {
    for (const [agoMs, ticks] of [
      [60_000, 6],
      [600_000, 6],
      [3_000_000, 7],
      [86_000_000, 7],
    ] as const) {
      const page = statusPage({ ...STATUS, moments: [{ atMs: NOW - agoMs, sort: 'drift', words: 'd' }] });
      expect(count(page, /class="tick drift"/g)).toBe(1);
      expect(count(page, /text-anchor="middle">\d\d:\d\d</g)).toBeLessThanOrEqual(ticks);
    }
  });
});

it('durations have the units that matter', () => {
  const words = [0.04, 9.9, 12.4, 999, 1000, 61_000, 3_600_000, 100 * 3_600_000].map(duration);
  expect(words).toEqual(['0.0 ms', '9.9 ms', '12 ms', '999 ms', '1 s', '1 min', '1 h 0 min', '4 days']);
});
