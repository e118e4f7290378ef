import { describe, expect, it } from 'vitest';
import { route } from '../../src/kinds/route.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { keyOf } from '../../src/planner/kind.js';
import type { Step } from '../../src/planner/plan.js';
import type { WatchEvent } from '../../src/reconcile/events.js';
import { modeFilter, type WatchMode } from '../../src/reconcile/watch-mode.js';

const create = (octet: number, via = '192.168.10.2'): Step => {
  const after = route({ dst: parsePrefix(`10.244.${octet}.0/24`), via: parseAddress(via), dev: 'eth0' });
  const key = keyOf('route', 'main', after.dst);
  return { action: 'create', key, after, needs: [], reason: `lease of ${octet}` };
};

function make(mode: WatchMode) {
  const told: WatchEvent[] = [];
  const filter = modeFilter({ mode, tell: (event) => told.push(event) });
  const keysTold = () =>
    told.splice(0).flatMap((event) => (event.type === 'spared' ? event.changes.map(({ key }) => key) : []));
  return { filter, keysTold };
}
const always = () => true;
const never = () => false;

describe('the mode of watch', () => {
  it('heal lets everything through', () => {
    const { filter, keysTold } = make('heal');
    expect(filter.allowed([create(2), create(3)], always)).toHaveLength(2);
    expect(keysTold()).toEqual([]);
  });

  it('warn lets through what is no repair', () => {
    const { filter, keysTold } = make('warn');
    const steps = [create(2), create(3)];
    expect(filter.allowed(steps, (step) => step === steps[0])).toEqual([steps[1]]);
    expect(keysTold()).toEqual(['route/main/10.244.2.0/24']);
  });

  it('plan-only lets nothing through, and tells each change once until it is another', () => {
    const { filter, keysTold } = make('plan-only');
    expect(filter.allowed([create(2), create(3)], never)).toEqual([]);
    expect(keysTold()).toEqual(['route/main/10.244.2.0/24', 'route/main/10.244.3.0/24']);
    expect(filter.allowed([create(2), create(3, '192.168.10.9')], never)).toEqual([]);
    expect(keysTold()).toEqual(['route/main/10.244.3.0/24']);
  });

  it('warn tells a repair again after something else was done there', () => {
    const { filter, keysTold } = make('warn');
    filter.allowed([create(2)], always);
    filter.allowed([create(2)], never);
    filter.allowed([create(2)], always);
    expect(keysTold()).toHaveLength(2);
  });
});
