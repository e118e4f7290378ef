import { describe, expect, it } from 'vitest';
import { planMarkdown } from '../../src/report/markdown.js';
import { change, create, documentOf, HOSTILE, someFile, someRoute } from './fixtures.js';

/** Pipes that separate cells: those without a backslash. */
const cells = (row: string): number => (row.match(/(?<!\\)\|/g)?.length ?? 0) - 1;

describe('a plan as markdown', () => {
  it('starts with the summary and has one row per change', () => {
    const lines = planMarkdown(documentOf([create(someRoute())])).split('\n');
    expect(lines[0]).toBe('**Plan: 1 to create; 4 unchanged; 12 foreign objects left alone.**');
    expect(lines).toContain('| + create | `route/main/10.244.2.0/24` | via 192.168.10.2 dev eth0 | lease of node-b |');
  });

  it('keeps hostile names inside their cell and without meaning', () => {
    const hostile = create(someRoute(), `lease of ${HOSTILE}`);
    const text = planMarkdown(
      documentOf([hostile, change(someFile('a\n'), someFile(`a|\`b\`\n<b>\n`))], {
        ...{ node: HOSTILE, quarantined: [{ entry: HOSTILE, code: 'E_LEASE', message: HOSTILE }] },
        warnings: [{ code: 'W_PEER_BACKEND', message: HOSTILE }],
      }),
    );
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    expect(rows).toHaveLength(4);
    for (const row of rows) expect(cells(row)).toBe(4);
    const outsideCode = text.replace(/`[^`]*`/g, '').replaceAll('<br>', '');
    expect(outsideCode).not.toMatch(/(?<!\\)[<>]/);
    expect(outsideCode).not.toMatch(/(?<!\\)\]\(/);
    expect(outsideCode).not.toMatch(/https?:/);
    expect(outsideCode).not.toContain('@everyone');
  });

  it('folds long lists', () => {
    const many = (count: number) =>
      planMarkdown(documentOf(Array.from({ length: count }, (_, i) => create(someRoute(`10.244.${i}.0/24`)))));
    expect(many(20)).not.toContain('<details>');
    expect(many(21)).toContain('<details><summary>21 changes</summary>\n\n| ');
  });
});
