import { describe, expect, test } from 'vitest';
import { makeNode } from '../../support/fake-kube/objects.js';
import { mergePatch, strategicMergePatch } from '../../support/fake-kube/patch.js';
import { patchObject } from '../../support/fake-kube/patch-object.js';
import { Storage } from '../../support/fake-kube/storage.js';

// The fake is only worth something while it refuses and merges as the documentation of the real one says.

const conditions = (...types: readonly string[]) => ({
  status: { conditions: types.map((type) => ({ type, status: 'True' })) },
});

describe('patch types', () => {
  test('strategic: conditions merge by type, a $patch deletes one, null deletes a member', () => {
    const target = { ...conditions('Ready', 'DiskPressure'), metadata: { annotations: { a: '1', b: '2' } } };
    const patch = {
      metadata: { annotations: { a: null } },
      status: {
        conditions: [
          { type: 'Ready', status: 'False' },
          { type: 'New', status: 'True' },
          { type: 'DiskPressure', $patch: 'delete' },
        ],
      },
    };
    expect(strategicMergePatch(target, patch)).toEqual({
      metadata: { annotations: { b: '2' } },
      status: {
        conditions: [
          { type: 'Ready', status: 'False' },
          { type: 'New', status: 'True' },
        ],
      },
    });
    expect(() => strategicMergePatch(target, { status: { conditions: [{ status: 'True' }] } })).toThrow(
      /merge key: type/,
    );
  });

  test('merge: a list replaces the list (RFC 7386)', () => {
    expect(mergePatch(conditions('Ready', 'DiskPressure'), conditions('New'))).toEqual(conditions('New'));
  });

  const storage = new Storage();
  const before = storage.put(makeNode({ name: 'a', podCIDRs: ['10.0.0.0/24'] }));
  const request = {
    before,
    resource: 'nodes',
    name: 'a',
    subresource: 'status',
    type: 'application/strategic-merge-patch+json',
  };

  test('nodes/status leaves the spec as it is', () => {
    const after = patchObject({
      ...request,
      body: JSON.stringify({ spec: { podCIDR: '10.9.9.0/24' }, status: { phase: 'x' } }),
    });
    expect([after.spec?.podCIDR, after.status?.phase]).toEqual(['10.0.0.0/24', 'x']);
  });

  test.each([
    [415, { type: 'application/json' }],
    [404, { before: undefined }],
    [409, { body: '{"metadata":{"resourceVersion":"1"}}' }],
    [409, { body: '{"metadata":{"uid":"another"}}' }],
    [400, { body: '{"metadata":{"annotations":{"a":true}}}' }],
    [400, { body: '{' }],
  ])('%i for %o', (code, change) => {
    expect(() => patchObject({ ...request, body: '{}', ...change })).toThrow(expect.objectContaining({ code }));
  });
});

test('a write that changes nothing is no version and no event', () => {
  const storage = new Storage();
  const first = storage.put(makeNode({ name: 'a' }));
  let events = 0;
  storage.watch(() => events++);
  expect(storage.put(first)).toBe(first);
  expect([events, storage.version]).toEqual([0, Number(first.metadata.resourceVersion)]);
});
