import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backendOf, backendTypes } from '../../src/backends/index.js';
import { unknownOptions } from '../../src/backends/unknown-options.js';
import { COMMAND_NAMES } from '../../src/kinds/extension-command.js';

describe.each(backendTypes())('the options of %s', (type) => {
  const backend = backendOf(type);

  it.each(backend.optionNames.length === 0 ? ['none'] : [...backend.optionNames])('are looked for: %s', (name) => {
    // A value that no option may have.
    const read = () => backend.options({ [name]: [{}] });
    if (name === 'none') expect(read()).toEqual({});
    else expect(read).toThrow(new RegExp(`Backend\\.${name} `));
  });

  it('are all named', () => {
    const sourceOf = (name: string): string =>
      readFileSync(join(import.meta.dirname, `../../src/backends/${name}.ts`), 'utf8');
    const own = sourceOf(type);
    const shared = [...own.matchAll(/from '\.\/(cloud(?:-keys)?)\.js'/g)].map(([, name = '']) => sourceOf(name));
    const source = [own, ...shared].join('\n');
    const read = [...source.matchAll(/\.(?:integer|boolean|string|oneOf|list)\('(\w+)'/g)].map(([, name]) => name);
    const commands = type === 'extension' ? Object.values(COMMAND_NAMES) : [];
    expect([...new Set([...commands, ...read])].sort()).toEqual([...backend.optionNames].sort());
  });
});

it('tells what a backend does not look for, with a guess, and without its value', () => {
  expect(unknownOptions(backendOf('wireguard'), { PKS: 'hunter2', listenport: 1 })).toEqual([
    {
      code: 'W_UNKNOWN_OPTION',
      message: 'Backend.PKS is not an option that flan knows; ignored',
      hint: "Did you mean 'PSK'?",
    },
  ]);
  expect(unknownOptions(backendOf('extension'), { SubnetRemoveComand: 'x' })).toMatchObject([
    { hint: "Did you mean 'SubnetRemoveCommand'?" },
  ]);
  expect(unknownOptions(backendOf('udp'), { port: 1, PORT: 2 })).toMatchObject([{ code: 'W_OPTION_TWICE' }]);
});
