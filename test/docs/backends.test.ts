import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { backendOf, backendTypes } from '../../src/backends/index.js';
import { unknownOptions } from '../../src/backends/unknown-options.js';
import { decodeNetwork } from '../../src/config/network.js';
import { ROOT } from './sources.js';

// docs/backends.md is written by hand: its options and defaults are those of the code.

const page = readFileSync(join(ROOT, 'docs/backends.md'), 'utf8');

const sectionOf = (type: string): string => {
  const [, section] = page.split(new RegExp(`^## ${type}$`, 'm'));
  return section?.split(/^## /m)[0] ?? '';
};

/** Rows of the table of options: name and default. */
const optionsIn = (section: string): (readonly [string, string])[] => {
  const [, table = ''] = /^\| option \| default \| meaning \|\n\|[-|]*\|\n((?:\|.*\n)+)/m.exec(section) ?? [];
  return [...table.matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map(([, name = '', value = '']) => [name, value] as const);
};

/** `false`, `51820`, `0 (never)`, `` `separate` ``; undefined for what is no value: none, the interface's. */
function defaultIn(text: string): string | number | boolean | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  const [, word] = /^`(.*)`$/.exec(text) ?? [];
  const [number] = /^\d+/.exec(text) ?? [];
  return word ?? (number === undefined ? undefined : Number(number));
}

describe.each(backendTypes())('the page of backends on %s', (type) => {
  const backend = backendOf(type);
  const rows = optionsIn(sectionOf(type));
  /** What has no default and must be there. */
  const needed = type === 'ipsec' ? { PSK: 'x'.repeat(96) } : {};

  it('has all options and no other', () => {
    expect(sectionOf(type).length).toBeGreaterThan(100);
    expect(rows.map(([name]) => name).sort()).toEqual([...backend.optionNames].sort());
    if (rows.length === 0) expect(sectionOf(type)).toContain('Options: none.');
  });

  it('has their defaults', () => {
    for (const [name, text] of rows) {
      const value = defaultIn(text);
      if (value === undefined) expect(['none', "the interface's"]).toContain(text);
      else expect([name, backend.options({ ...needed, [name]: value })]).toEqual([name, backend.options(needed)]);
    }
  });
});

it('shows an extension that works, and as its example has it', () => {
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  const { network, warnings } = decodeNetwork(parse(yaml), 'docs/backends.md');
  const { type, options } = network.backend;
  expect([type, warnings, unknownOptions(backendOf(type), options)]).toEqual(['extension', [], []]);
  const whole = parse(readFileSync(join(ROOT, 'examples/extension-vxlan/leases/network.yaml'), 'utf8'));
  expect(whole.Backend).toMatchObject(options);
});
