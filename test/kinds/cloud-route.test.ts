import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CloudEntry, cloudRoute, cloudRouteKind, gathered, isOurs } from '../../src/kinds/cloud-route.js';
import { kinds } from '../../src/kinds/index.js';
import { parsePrefix } from '../../src/model/ip.js';
import { plan } from '../../src/planner/plan.js';

const DST = parsePrefix('10.244.1.0/24');
const entry = (rest: Partial<CloudEntry>): CloudEntry => ({
  ...{ table: 'rtb-1', dst: DST, target: 'self', state: 'active', mark: 'none' },
  ...rest,
});

describe('whose a route of a cloud is', () => {
  const wanted = { self: 'self', isWanted: true, isLeased: true };
  const leased = { self: 'self', isWanted: false, isLeased: true };
  const free = { self: 'self', isWanted: false, isLeased: false };

  it.each([
    ['leads here', entry({}), [true, true, true]],
    ['leads elsewhere', entry({ target: 'other' }), [false, false, false]],
    ['leads elsewhere, with the mark', entry({ target: 'other', mark: 'overlay' }), [true, false, false]],
    ['leads here, and has a name of its own', entry({ mark: 'other' }), [false, false, false]],
    [
      'leads nowhere, and has a name of its own',
      entry({ target: 'dead', state: 'blackhole', mark: 'other' }),
      [false, false, false],
    ],
    ['leads nowhere', entry({ target: 'dead', state: 'blackhole' }), [true, false, true]],
    ['is switched off elsewhere', entry({ target: 'other', state: 'disabled' }), [false, false, false]],
    ['is switched off here', entry({ state: 'disabled' }), [true, true, true]],
    ['leads to a gateway', entry({ target: undefined }), [false, false, false]],
    ['leads to a gateway that is gone', entry({ target: undefined, state: 'blackhole' }), [false, false, false]],
  ] as const)('one that %s', (_what, one, answers) => {
    expect([wanted, leased, free].map((claim) => isOurs(one, claim))).toEqual(answers);
  });

  it('is nobody of flan as soon as one of several is not', () => {
    const both = gathered([entry({}), entry({ target: 'other' })], wanted);
    expect(both).toMatchObject({ target: 'other, self', maker: 'others' });
    expect(gathered([entry({}), entry({ target: 'other', mark: 'overlay' })], wanted)).toMatchObject({ maker: 'ours' });
    expect(gathered([], wanted)).toBeUndefined();
  });

  it('says the worst of several', () => {
    expect(gathered([entry({}), entry({ target: 'dead', state: 'blackhole' })], wanted)?.state).toBe('blackhole');
  });

  it('is never that of a route to the whole network, or outside of it', () => {
    const ownership = { protocol: 70, networks: ['10.244.0.0/16'] };
    const to = (dst: string) => cloudRoute({ table: 't', dst: parsePrefix(dst), target: 'self' });
    expect(cloudRouteKind.owns(to('10.244.1.0/24'), ownership)).toBe(true);
    expect(cloudRouteKind.owns(to('10.244.0.0/16'), ownership)).toBe(false);
    expect(cloudRouteKind.owns(to('10.0.0.0/8'), ownership)).toBe(false);
    expect(cloudRouteKind.owns(to('192.168.1.0/24'), ownership)).toBe(false);
  });

  it('is changed in place, whatever differs, and never deleted for it', () => {
    const state = fc.constantFrom('active', 'blackhole', 'pending', 'disabled');
    fc.assert(
      fc.property(
        fc.constantFrom('self', 'other', 'a, b'),
        state,
        fc.constantFrom('ours', 'others'),
        (target, s, maker) => {
          const after = cloudRoute({ table: 'rtb-1', dst: DST, target: 'self' });
          const key = kinds.key(after);
          const before = { ...after, target, state: s, maker };
          for (const adopt of ['yes', 'no'] as const) {
            const { steps, conflicts } = plan({
              desired: new Map([[key, { resource: after, because: 'test' }]]),
              observed: new Map([[key, before]]),
              ...{ kinds, ownership: { protocol: 70, networks: ['10.244.0.0/16'] }, adopt },
            });
            expect(steps.every(({ action }) => action === 'update' || action === 'adopt')).toBe(true);
            expect(conflicts).toHaveLength(maker === 'others' && adopt === 'no' ? 1 : 0);
          }
        },
      ),
    );
  });
});
