import { expect, it } from 'vitest';
import { historyText } from '../../src/report/history-text.js';

it('tells the history line by line, and lets nobody write lines of his own', () => {
  const at = '2026-11-23T01:02:03.456Z';
  const key = 'route/main/10.244.2.0/24';
  const change = (n: number) => ({
    action: 'create' as const,
    key: `route/main/10.244.${n}.0/24`,
    reason: 'lease of b',
  });
  expect(
    historyText([
      { at, kind: 'apply', by: 'apply', counts: { create: 1, delete: 2 }, changes: [change(1)], failed: 1 },
      {
        at,
        kind: 'apply',
        by: 'watch',
        counts: { create: 30 },
        changes: Array.from({ length: 30 }, (_, n) => change(n)),
        failed: 0,
        tookMs: 12,
      },
      { at, kind: 'drift', key, what: 'deleted' },
      { at, kind: 'drift', key, what: 'changed', now: 'via 192.168.10.9', by: 'a routing daemon (proto bird)' },
      { at, kind: 'repair', key, tookMs: 1.2 },
      { at, kind: 'fight', key, times: 8 },
      { at, kind: 'failure', key: 'x\n2026 drift', code: 'E_NETLINK', message: 'ENETUNREACH', more: 1 },
      { at, kind: 'left out', of: 'drift', count: 4800 },
    ]),
  ).toMatchInlineSnapshot(`
    "2026-11-23T01:02:03.456Z  apply     apply: 2 × delete, 1 × create, 1 failed
                                        + create route/main/10.244.1.0/24 (lease of b)
                                        … and 2 more
    2026-11-23T01:02:03.456Z  apply     watch: 30 × create in 12 ms
                                        + create route/main/10.244.0.0/24 (lease of b)
                                        + create route/main/10.244.1.0/24 (lease of b)
                                        + create route/main/10.244.2.0/24 (lease of b)
                                        + create route/main/10.244.3.0/24 (lease of b)
                                        + create route/main/10.244.4.0/24 (lease of b)
                                        + create route/main/10.244.5.0/24 (lease of b)
                                        + create route/main/10.244.6.0/24 (lease of b)
                                        + create route/main/10.244.7.0/24 (lease of b)
                                        + create route/main/10.244.8.0/24 (lease of b)
                                        + create route/main/10.244.9.0/24 (lease of b)
                                        … and 20 more
    2026-11-23T01:02:03.456Z  drift     route/main/10.244.2.0/24 was deleted
    2026-11-23T01:02:03.456Z  drift     route/main/10.244.2.0/24 was changed to via 192.168.10.9 by a routing daemon (proto bird)
    2026-11-23T01:02:03.456Z  repair    route/main/10.244.2.0/24 in 1.2 ms
    2026-11-23T01:02:03.456Z  fight     route/main/10.244.2.0/24 was changed back 8 times
    2026-11-23T01:02:03.456Z  failure   x\\u{a}2026 drift: ENETUNREACH (E_NETLINK) and 1 more
    2026-11-23T01:02:03.456Z  left out  4800 more of drift in that second
    "
  `);
});
