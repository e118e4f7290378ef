import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { manPages } from '../../packaging/man/pages.js';
import { escaped, item, page } from '../../packaging/man/roff.js';
import { writeFolder } from '../../packaging/write-folder.js';
import { SETTINGS } from '../../src/config/settings.js';
import { EXIT } from '../../src/exit-codes.js';
import { historyPath } from '../../src/reconcile/history-file.js';
import { COMMAND_IDS } from './command-ids.js';
import { scratch } from './scratch.js';
import { toolTest } from './tool-test.js';

const folder = scratch('man');
const pages = manPages();
writeFolder(folder, pages);

/** As a reader sees it on a wide terminal, without bold and the like. */
function shown(path: string): string {
  const env = { ...process.env, MANWIDTH: '200', LC_ALL: 'C.UTF-8' };
  const { stdout, stderr } = spawnSync('man', ['--warnings', '--local-file', path], { env, encoding: 'utf8' });
  expect(stderr).toBe('');
  return stripVTControlCharacters(stdout);
}

it('there is a page for every command', () => {
  const ofCommands = COMMAND_IDS.map((id) => `flan-${id.replaceAll(':', '-')}.8`);
  expect([...pages.keys()]).toEqual(['flan.8', ...ofCommands, 'flan.yaml.5']);
});

describe('pages that groff has nothing to say about', () => {
  for (const name of pages.keys()) {
    toolTest(name, { tools: ['groff'] }, () => {
      const args = ['-ww', '-b', '-man', '-Tutf8', '-z', join(folder, name)];
      const { status, stderr } = spawnSync('groff', args, { encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    });
  }
});

toolTest('man shows commands, settings and exit codes', { tools: ['man'] }, () => {
  const overview = shown(join(folder, 'flan.8'));
  for (const id of COMMAND_IDS) expect(overview).toContain(`flan-${id.replaceAll(':', '-')}(8)`);
  for (const code of Object.values(EXIT)) expect(overview).toMatch(new RegExp(`^ +${code} `, 'm'));
  expect(overview).toContain(historyPath({ stateDir: '/var/lib/flan' }));
  const settings = shown(join(folder, 'flan.yaml.5'));
  for (const { key, flag, env } of SETTINGS) {
    expect(settings).toMatch(new RegExp(`^ +${key}: `, 'm'));
    expect(settings).toContain(`--${flag}, ${env}`);
  }
  const plan = shown(join(folder, 'flan-plan.8'));
  expect(plan).toMatch(/^ +flan-plan - show what apply would change, and why$/m);
  expect(plan).toContain('flan plan --detailed-exitcode --json | jq .summary');
});

describe('text', () => {
  toolTest('comes out of roff as it went in', { tools: ['man'] }, () => {
    const odd = ".dot 'quote' \\back -dash --two ~home ^hat → é | \\fB";
    const about = { name: 'odd', chapter: 8, version: '1', summary: odd };
    writeFolder(join(folder, 'odd'), new Map([['odd.8', page({ ...about, lines: item('head', odd) })]]));
    expect(shown(join(folder, 'odd', 'odd.8')).split(odd)).toHaveLength(3);
  });

  it('holds no request by chance', () => {
    expect(escaped('a-b\\c')).toBe('a\\-b\\ec');
    expect(item('x', '.so /etc/passwd')).toEqual(['.TP', 'x', '\\&.so /etc/passwd']);
  });
});
