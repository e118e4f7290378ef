import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deriveNodeId, readIdentity } from '../../src/host/identity.js';

const MACHINE = '0123456789abcdef0123456789abcdef';
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flan-identity-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('readIdentity', () => {
  it('takes what is given, without asking the machine', () => {
    expect(readIdentity({ node: 'a', nodeId: 'b', machineIdFiles: [] })).toEqual({ node: 'a', nodeId: 'b' });
  });

  it('else goes by the host name and a hash of the machine id', () => {
    const identity = readIdentity({ machineIdFiles: [file('id', `${MACHINE}\n`)] });
    expect(identity.node).toBe(hostname());
    expect(identity.nodeId).toMatch(/^[0-9a-f]{32}$/);
    expect(identity.nodeId).not.toContain(MACHINE);
  });

  it('keeps the id when the name changes', () => {
    const machineIdFiles = [file('id', MACHINE)];
    expect(readIdentity({ node: 'a', machineIdFiles }).nodeId).toBe(readIdentity({ node: 'b', machineIdFiles }).nodeId);
  });

  it('tells nodes in two namespaces of one host apart', () => {
    const ids = [undefined, 'blue', 'red'].map((netns) => deriveNodeId(MACHINE, netns));
    expect(new Set(ids).size).toBe(3);
  });

  it('tries the next file when one is absent, empty or not set up yet', () => {
    const good = file('good', MACHINE);
    const first = [
      join(folder, 'absent'),
      file('empty', ''),
      file('early', 'uninitialized\n'),
      file('zero', '0'.repeat(32)),
    ];
    expect(readIdentity({ machineIdFiles: [...first, good] }).nodeId).toBe(deriveNodeId(MACHINE));
  });

  it('goes by the name where that is unique', () => {
    expect(readIdentity({ node: 'worker-3', identifyBy: 'name', machineIdFiles: [] }).nodeId).toBe('worker-3');
  });

  it('says what to do when there is no machine id', () => {
    const absent = join(folder, 'absent');
    expect(() => readIdentity({ machineIdFiles: [absent] })).toThrow(
      expect.objectContaining({
        code: 'E_IDENTITY',
        message: `no machine id in ${absent}`,
        hint: expect.stringContaining('--node-id'),
      }),
    );
  });
});
