import { describe, expect, it } from 'vitest';
import { planText, summaryLine } from '../../src/report/text.js';
import { change, create, documentOf, HOSTILE, remove, someFile, someRoute, tagged, withoutTags } from './fixtures.js';

const steps = [
  create(someRoute('10.244.22.0/24', '192.168.10.2')),
  change(someRoute('10.244.3.0/24', '192.168.10.3'), someRoute('10.244.3.0/24', '192.168.10.33')),
  change(someFile('A=1\nB=2\n'), someFile('A=1\nB=3\n')),
  remove(someRoute('10.244.9.0/24', '192.168.10.9')),
];

describe('a plan as text', () => {
  it('shows deletions first, values in one column and a reason under every change', () => {
    expect(planText(documentOf(steps))).toBe(
      [
        'node-a · host-gw · leases: file ./leases (3 peers) · eth0 192.168.10.1 (default route)',
        '',
        '  -   delete   route/main/10.244.9.0/24     via 192.168.10.9 dev eth0',
        '               no lease asks for it any more',
        '  ~   update   route/main/10.244.3.0/24     via 192.168.10.3 → 192.168.10.33',
        '               lease of node-b',
        '  ~   update   file/run/flannel/subnet.env',
        '               - B=2',
        '               + B=3',
        '               lease of node-b',
        '  +   create   route/main/10.244.22.0/24    via 192.168.10.2 dev eth0',
        '               lease of node-b',
        '',
        'Plan: 1 to delete, 2 to update, 1 to create; 4 unchanged; 12 foreign objects left alone.',
        '',
      ].join('\n'),
    );
  });

  it('says the same with colours, and names every action beside its colour', () => {
    const [bare, coloured] = [planText(documentOf(steps)), planText(documentOf(steps), tagged)];
    expect(withoutTags(coloured)).toBe(bare);
    expect(coloured).toContain('<red>-   delete  </red> <b>route/main/10.244.9.0/24</b>');
    expect(coloured).toContain('<yellow>~   update  </yellow>');
    expect(coloured).toContain('<green>+   create  </green>');
  });

  it('never ends a line with spaces', () => {
    expect(planText(documentOf(steps))).not.toMatch(/ $/m);
  });

  it('keeps hostile names on their line and away from the terminal', () => {
    const document = documentOf([create(someRoute(), `lease of ${HOSTILE}`)], {
      ...{ node: HOSTILE, quarantined: [{ entry: HOSTILE, code: 'E_LEASE', message: HOSTILE }] },
      warnings: [{ code: 'W_PEER_BACKEND', message: HOSTILE }],
    });
    const text = planText(document);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(text.trimEnd().split('\n')).toHaveLength(9);
    expect(text).toContain('\\u{1b}[2J');
  });

  it('shows conflicts with the way out, and what is left out and doubted', () => {
    const [before, after] = [{ ...someRoute(), proto: 3 }, someRoute()];
    const conflict = { key: create(after).key, before, after, fields: ['proto'], reason: 'lease of node-b' };
    const text = planText(
      documentOf([], {
        plan: { steps: [], conflicts: [conflict], unchanged: 1 },
        quarantined: [{ entry: 'leases/x.yaml', code: 'E_LEASE', message: 'bad' }],
        warnings: [{ code: 'W_IFACE_DOWN', message: 'eth0 is down', hint: 'Bring it up.' }],
      }),
    );
    expect(text).toContain('  !   conflict route/main/10.244.2.0/24  proto 3 → 70\n');
    expect(text).toContain('--adopt takes it over');
    expect(text).toContain(
      'Left out leases/x.yaml: bad (E_LEASE)\nWarning eth0 is down (W_IFACE_DOWN)\n  Bring it up.\n',
    );
    expect(text).toContain('No changes; 1 conflict; 1 unchanged; 12 foreign objects left alone.');
  });
});

describe('the summary', () => {
  const none = { create: 0, update: 0, replace: 0, adopt: 0, delete: 0, unchanged: 7, conflicts: 0, foreign: 0 };

  it.each([
    [{}, 'No changes; 7 unchanged.'],
    [{ create: 1 }, 'Plan: 1 to create; 7 unchanged.'],
    [{ delete: 2, adopt: 1, foreign: 1 }, 'Plan: 2 to delete, 1 to adopt; 7 unchanged; 1 foreign object left alone.'],
    [{ replace: 1, conflicts: 2 }, 'Plan: 1 to replace; 2 conflicts; 7 unchanged.'],
  ])('of %j', (counts, line) => expect(summaryLine({ ...none, ...counts })).toBe(line));
});
