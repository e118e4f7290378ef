import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsAbout, settingFlags } from '../../packaging/about.js';
import { completionScripts } from '../../packaging/completions/scripts.js';
import { writeFolder } from '../../packaging/write-folder.js';
import { SETTINGS } from '../../src/config/settings.js';
import { COMMAND_IDS } from './command-ids.js';
import { scratch } from './scratch.js';
import { scriptsIn } from './shells.js';
import { toolTest } from './tool-test.js';

const folder = scratch('completions');
writeFolder(folder, completionScripts());
mkdirSync(join(folder, 'files'));
writeFileSync(join(folder, 'files', 'cluster.yaml'), '');

const firstWords = [...new Set(COMMAND_IDS.map((id) => id.split(':')[0] ?? '')), 'help'].sort();
const secondWords = (first: string): readonly string[] =>
  COMMAND_IDS.filter((id) => id.startsWith(`${first}:`))
    .map((id) => id.slice(first.length + 1))
    .sort();

for (const [shell, completing, script] of scriptsIn(folder)) {
  describe(`completion in ${shell}`, () => {
    const at = completing(script);
    const completionTest = (name: string, action: () => unknown): void =>
      toolTest(name, { tools: [shell], timeoutMs: 60_000 }, action);
    /** fish repeats the flag before its value. */
    const valuesAt = (line: string): readonly string[] => at(line).map((word) => word.replace(/^--[\w-]+=/, ''));

    completionTest('offers every command', () => {
      expect(at('flan ')).toEqual(firstWords);
      expect(at('flan val')).toEqual(['validate']);
      expect(at('flan lease ')).toEqual(secondWords('lease'));
      expect(at('flan help show ')).toEqual(secondWords('show'));
      // A command itself, besides being the first word of others.
      expect(at('flan show des')).toContain('desired');
      expect(at('flan show --outp')).toEqual(['--output']);
    });

    completionTest("offers a command's flags, those of every command, and the settings it takes", () => {
      expect(at('flan plan --detailed')).toEqual(['--detailed-exitcode']);
      expect(at('flan lease show --col')).toEqual(['--color']);
      expect(at('flan destroy --etcd-pre')).toEqual(['--etcd-prefix']);
      expect(at('flan version --etcd-pre')).toEqual([]);
      expect(at('flan watch --summ')).toEqual([]);
    });

    completionTest('offers the values of a flag, however it is written', () => {
      const output = commandsAbout().flatMap(({ words, flags }) => (words.join() === 'plan' ? flags : []));
      const formats = output.find(({ name }) => name === 'output')?.value?.choices ?? [];
      expect(formats).toContain('markdown');
      expect(at('flan plan --output ')).toEqual([...formats].sort());
      expect(valuesAt('flan plan --output=m')).toContain('markdown');
      expect(at('flan plan -o j')).toContain('json');
      expect(at('flan apply --store ')).toEqual(['etcd', 'file', 'kubernetes']);
      expect(at('flan apply --node ')).toEqual([]);
      expect(at('flan apply --iface l')).toContain('lo');
    });

    completionTest('offers files where a file is meant', () => {
      const part = join(folder, 'files', 'clu');
      // zsh tells what it would show, the others what it would become.
      const whole = [shell === 'zsh' ? 'cluster.yaml' : join(folder, 'files', 'cluster.yaml')];
      expect(at(`flan plan -c ${part}`)).toEqual(whole);
      expect(at(`flan plan --leases ${part}`)).toEqual(whole);
      expect(at(`flan init ${part}`)).toEqual(whole);
      expect(at(`flan plan --output ${part}`)).toEqual([]);
    });
  });
}

it('advertises every setting but the secrets', () => {
  const shown = settingFlags().map(({ name }) => name);
  expect(shown).toEqual(['config', ...SETTINGS.filter(({ secret }) => !secret).map(({ flag }) => flag)]);
  expect(commandsAbout()).toHaveLength(COMMAND_IDS.length);
});
