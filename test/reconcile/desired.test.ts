import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DesiredIndex } from '../../src/reconcile/desired.js';
import { type Toy, toyKinds } from '../support/toy-kind.js';

const toy = (name: string, colour: string): Toy => ({ kind: 'toy', name, colour, shape: 'round', mine: true });
const claim = (owner: string, names: readonly string[]) =>
  names.map((name) => ({ resource: toy(name, owner), because: owner }));

describe('DesiredIndex', () => {
  it('gives a key that two ask for to the first, and to the second when the first lets go', () => {
    const index = new DesiredIndex(toyKinds);
    index.set('one', claim('one', ['a', 'b']));
    expect([...index.set('two', claim('two', ['b', 'c']))]).toEqual(['toy/c']);
    expect(index.desired.get('toy/b' as never)?.because).toBe('one');
    expect([...index.delete('one')].sort()).toEqual(['toy/a', 'toy/b']);
    expect(index.desired.get('toy/b' as never)?.because).toBe('two');
  });

  it('tells what is asked for in vain, and by whom it is held, unless both ask for the same', () => {
    const index = new DesiredIndex(toyKinds);
    index.set('one', claim('one', ['a', 'b']));
    index.set('two', claim('two', ['b', 'c']));
    index.set('three', [{ resource: toy('a', 'one'), because: 'three' }]);
    expect(['one', 'two', 'three'].map((owner) => index.clashesOf(owner))).toEqual([
      [],
      [{ key: 'toy/b', holder: 'one' }],
      [],
    ]);
    index.delete('one');
    expect(index.clashesOf('two')).toEqual([]);
  });

  it('holds exactly what its owners ask for, whatever the order of calls', () => {
    const call = fc.record({
      owner: fc.constantFrom('one', 'two', 'three'),
      names: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd')),
    });
    fc.assert(
      fc.property(fc.array(call), (calls) => {
        const index = new DesiredIndex(toyKinds);
        const asks = new Map<string, readonly string[]>();
        for (const { owner, names } of calls) {
          const before = new Map(index.desired);
          const changed = names.length === 0 ? index.delete(owner) : index.set(owner, claim(owner, names));
          asks.set(owner, names);
          for (const key of new Set([...before.keys(), ...index.desired.keys()])) {
            if (before.get(key)?.because !== index.desired.get(key)?.because) expect([...changed]).toContain(key);
          }
        }
        const all = new Set([...asks.values()].flat().map((name) => `toy/${name}`));
        expect(new Set(index.desired.keys())).toEqual(all);
        for (const [key, { because }] of index.desired) expect(asks.get(because)).toContain(key.slice('toy/'.length));
      }),
    );
  });
});
