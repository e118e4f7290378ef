import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eachMember, valueIn } from '../../../src/leases/kubernetes/json-bytes.js';
import { listScanner } from '../../../src/leases/kubernetes/list-stream.js';
import { nodeFromBytes, watchLine } from '../../../src/leases/kubernetes/node-bytes.js';
import { makeNode } from '../../support/fake-kube/objects.js';

/** Cuts a text into chunks at the given places. */
function chunked(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...places, bytes.length].map((to, i) => bytes.subarray(places[i - 1] ?? 0, to));
}

function scan(chunks: readonly Buffer[]) {
  const items: unknown[] = [];
  const scanner = listScanner((bytes) => items.push(JSON.parse(bytes.toString())));
  for (const chunk of chunks) scanner.push(chunk);
  return { items, envelope: scanner.end() };
}

const object = fc.dictionary(fc.string(), fc.jsonValue());
const cuts = fc.array(fc.nat(5000), { maxLength: 30 });
const trap = fc.constantFrom('"items":[{', '\\', '\\"', '{"items":[', ']}', 'ä€😀', '\u0000\n');

describe('a list, cut anywhere', () => {
  test('gives its items and the rest, as JSON.parse would', () => {
    const item = fc.oneof(object, fc.record({ metadata: fc.dictionary(trap, trap), items: fc.array(object) }));
    const indent = fc.constantFrom(undefined, 1);
    fc.assert(
      fc.property(object, fc.array(item), object, indent, cuts, (before, items, after, space, at) => {
        const list = { ...before, metadata: { resourceVersion: '7', x: ['"items":['] }, items, ...after };
        fc.pre(list.items === items);
        const { items: found, envelope } = scan(chunked(JSON.stringify(list, undefined, space), at));
        const whole = JSON.parse(JSON.stringify(list)) as typeof list;
        expect(found).toEqual(whole.items);
        expect(envelope).toEqual({ ...whole, items: [] });
      }),
      { numRuns: 300 },
    );
  });

  test('without items, or with null for them', () => {
    expect(scan(chunked('{"kind":"NodeList","items":null}', [3]))).toEqual({
      items: [],
      envelope: { kind: 'NodeList', items: null },
    });
    expect(scan(chunked('{"kind":"NodeList","items":[]}', [27])).items).toEqual([]);
  });

  test.each(['', '{"items":[{"a":1}', '{"items":[{"a":"', '[]', '"text"', 'Too many requests', '{"items":[]}}'])(
    'what is no whole list is refused: %s',
    (text) => expect(() => scan([Buffer.from(text)])).toThrow(SyntaxError),
  );
});

describe('one Node', () => {
  test('is read as JSON.parse would, its other parts unseen', () => {
    const prefix = 'example.com/';
    const name = fc.oneof(
      fc.string(),
      fc.string().map((text) => prefix + text),
      trap,
    );
    const annotations = fc.dictionary(name, fc.oneof(fc.string(), trap));
    const podCIDRs = fc.array(fc.string(), { maxLength: 2 });
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        annotations,
        podCIDRs,
        object,
        fc.constantFrom(undefined, 2),
        (name, notes, cidrs, status, space) => {
          const json = {
            kind: 'Node',
            metadata: {
              labels: status,
              name,
              uid: 'u',
              annotations: notes,
              resourceVersion: '5',
              managedFields: [status],
            },
            status,
            spec: { taints: [status], podCIDR: cidrs[0] ?? '', ...(cidrs.length > 0 && { podCIDRs: cidrs }) },
          };
          const bytes = Buffer.from(JSON.stringify(json, undefined, space));
          const ours = Object.fromEntries(Object.entries(notes).filter(([key]) => key.startsWith(prefix)));
          const record = nodeFromBytes(bytes, { from: 0, to: bytes.length }, prefix);
          expect({ ...record, annotations: { ...record.annotations } }).toEqual({
            name,
            uid: 'u',
            resourceVersion: '5',
            annotations: ours,
            podCIDRs: cidrs,
          });
        },
      ),
    );
  });

  test('podCIDR alone counts as a list of one', () => {
    const bytes = Buffer.from(JSON.stringify({ metadata: { name: 'a' }, spec: { podCIDR: '10.244.1.0/24' } }));
    expect(nodeFromBytes(bytes, { from: 0, to: bytes.length }, 'x/').podCIDRs).toEqual(['10.244.1.0/24']);
  });

  test('broken bytes end in a SyntaxError or a record, never in anything else', () => {
    const whole = Buffer.from(
      JSON.stringify({ type: 'ADDED', object: makeNode({ name: 'a', podCIDRs: ['10.0.0.0/24'] }) }),
    );
    fc.assert(
      fc.property(
        fc.nat(whole.length),
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }))),
        (length, edits) => {
          const bytes = Buffer.from(whole.subarray(0, length));
          for (const [at, value] of edits) if (at < length) bytes[at] = value;
          try {
            const { object } = watchLine(bytes);
            nodeFromBytes(bytes, object, 'x/');
          } catch (error) {
            expect(error).toBeInstanceOf(SyntaxError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('members are visited in order, and no further than asked', () => {
    const bytes = Buffer.from(' { "a" : [1, {"b":"}"}] , "c":true,"d":"x" } ');
    const seen: unknown[] = [];
    eachMember(bytes, { from: 0, to: bytes.length }, (name, value) => {
      seen.push([name, valueIn(bytes, value)]);
      return name === 'c' ? 'enough' : undefined;
    });
    expect(seen).toEqual([
      ['a', [1, { b: '}' }]],
      ['c', true],
    ]);
  });
});
