import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { kinds } from '../../src/kinds/index.js';
import type { Resource } from '../../src/planner/kind.js';
import type { Preview } from '../../src/reconcile/compute.js';
import { planCommands } from '../../src/report/ip-commands.js';
import { planMarkdown } from '../../src/report/markdown.js';
import { planText } from '../../src/report/text.js';
import { type GoldenInput, observedOf, previewOf, readInput } from './case.js';

// Every folder with an input.yaml is a case. `npm run golden` writes what the cases give; the difference is reviewed.

const ROOT = import.meta.dirname;
const isUpdating = process.env.UPDATE_GOLDEN === '1';
const folders = (readdirSync(ROOT, { recursive: true }) as string[])
  .filter((path) => path.endsWith('/input.yaml'))
  .map((path) => join(ROOT, path, '..'))
  .sort();

describe.each(folders.map((folder) => [relative(ROOT, folder), folder] as const))('%s', (_name, folder) => {
  const input = readInput(folder);

  it('reads as expected in every format', () => {
    const expected = filesOf(input);
    for (const name of ['plan.txt', 'plan.json', 'plan.md', 'plan.ip.sh', 'error.txt'] as const) {
      const file = join(folder, name);
      const text = expected[name];
      if (isUpdating) {
        if (text === undefined) rmSync(file, { force: true });
        else writeFileSync(file, text);
      }
      expect(existsSync(file) ? readFileSync(file, 'utf8') : undefined, name).toBe(text);
    }
  });

  it('leaves nothing to do once carried out, and touches nothing foreign', () => {
    const first = tryPreview(input);
    if (first instanceof FlanError) return expect(first.code).toMatch(/^E_/);
    const before = observedOf(input);
    const after = carryOut(before, first);
    const again = previewOf(input, after);
    // Acquiring the lease is the store's part, and a conflict stays one until somebody decides.
    expect(again.plan.steps.filter(({ key }) => !key.startsWith('lease/'))).toEqual([]);
    expect(again.plan.conflicts).toEqual(first.plan.conflicts);
    const { ownership } = first.inputs;
    const adopted = new Set(first.plan.steps.filter(({ action }) => action === 'adopt').map(({ key }) => key));
    const foreign = before.filter((one) => !kinds.of(one).owns(one, ownership) && !adopted.has(kinds.key(one)));
    expect(after).toEqual(expect.arrayContaining(foreign));
  });
});

it('has cases of every backend that has a folder', () => {
  const backends = new Set(folders.map((folder) => relative(ROOT, folder).split('/')[0]));
  expect([...backends]).toEqual(expect.arrayContaining(['alloc', 'host-gw', 'vxlan']));
});

function tryPreview(input: GoldenInput): Preview | FlanError {
  try {
    return previewOf(input);
  } catch (error) {
    if (error instanceof FlanError) return error;
    throw error;
  }
}

function filesOf(input: GoldenInput): Readonly<Record<string, string | undefined>> {
  const preview = tryPreview(input);
  if (preview instanceof FlanError) {
    const { code, message, hint } = preview;
    return { 'error.txt': `${code}: ${message}\nhint: ${hint}\n` };
  }
  const { document } = preview;
  return {
    'plan.txt': planText(document),
    'plan.json': `${JSON.stringify(document, undefined, 2)}\n`,
    'plan.md': planMarkdown(document),
    ...(document.plan.steps.length > 0 && { 'plan.ip.sh': planCommands(document) }),
  };
}

function carryOut(before: readonly Resource[], { plan }: Preview): readonly Resource[] {
  const world = new Map(before.map((resource) => [kinds.key(resource), resource]));
  for (const step of plan.steps) {
    if (step.key.startsWith('lease/')) continue;
    if (step.action === 'delete') world.delete(step.key);
    else world.set(step.key, step.after);
  }
  return [...world.values()];
}
