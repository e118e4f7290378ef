import { readdirSync, readFileSync } from 'node:fs';
import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { requested } from '../../src/commands/argv.js';
import { errorDocument, errorText } from '../../src/commands/render-error.js';
import { FlanError } from '../../src/errors.js';
import { EXIT, EXIT_MEANING, EXIT_OF_ERROR, exitCodeOf } from '../../src/exit-codes.js';
import { FLAN, flan } from '../support/cli.js';
import { faultsOf } from '../support/schemas.js';

describe('exit codes', () => {
  it('are the documented ones', () => {
    expect(EXIT).toEqual({
      ok: 0,
      error: 1,
      changes: 2,
      planStale: 3,
      rolledBack: 4,
      notRolledBack: 5,
      confirmExpired: 6,
      partial: 7,
      declined: 8,
      leaseLost: 9,
      usage: 64,
      data: 65,
      unavailable: 69,
      locked: 75,
      noPermission: 77,
      config: 78,
      interrupted: 130,
      terminated: 143,
    });
    expect(Object.keys(EXIT_MEANING)).toEqual(Object.keys(EXIT));
  });

  it('follow from the error, and are 1 for one that has none of its own', () => {
    expect(exitCodeOf(new FlanError('E_LEASE_LOST', 'gone'))).toBe(9);
    expect(exitCodeOf(new FlanError('E_NOBODY_HEARD_OF', 'what'))).toBe(1);
  });

  it('are decided for every code that the sources throw', () => {
    const root = new URL('../../src/', import.meta.url);
    const files = (readdirSync(root, { recursive: true }) as string[]).filter((name) => name.endsWith('.ts'));
    const thrown = files.flatMap((name) => readFileSync(new URL(name, root), 'utf8').match(/'E_[A-Z0-9_]+'/g) ?? []);
    const unknown = new Set(thrown.map((quoted) => quoted.slice(1, -1)).filter((code) => !(code in EXIT_OF_ERROR)));
    expect([...unknown]).toEqual([]);
  });
});

describe('a wrong command line', () => {
  it.each([
    [['versoin'], /there is no command "versoin"/, /Did you mean `flan version`\?/],
    [['quite-another-thing'], /there is no command "quite-another-thing"/, /flan --help/],
    [['help', 'quite-another-thing'], /there is no command "quite-another-thing"/, /flan --help/],
    [['quite-another-thing', '--help'], /there is no command "quite-another-thing"/, /flan --help/],
    [
      ['checkpoint', 'list'],
      /there is no command "checkpoint list"/,
      /Did you mean `flan checkpoint ls`\? Run `flan checkpoint --help`/,
    ],
    [['config', '--json=no', 'shw'], /there is no command "config shw"/, /Did you mean `flan config show`\?/],
    [
      ['lease', 'quite-another-thing'],
      /no command "lease quite-another-thing"/,
      /hint: {2}Run `flan lease --help` for its commands/,
    ],
    [['confg', 'show'], /there is no command "confg"/, /Did you mean `flan config show`\?/],
    [['--nope'], /"--nope"/, /flan --help/],
    [['version', '--debgu'], /Nonexistent flag: --debgu/, /Did you mean --debug\?/],
    [['version', 'extra'], /Unexpected argument: extra/, /flan version --help/],
    [['version', '--json=perhaps'], /--json must be true or false, not "perhaps"/, /Write --json\./],
  ])('%j exits 64 and says what to do', async (args, message, hint) => {
    const { code, stdout, stderr } = await flan(args);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    const [first, second, ...rest] = stderr.split('\n');
    expect(first).toMatch(/^Error E_USAGE: /);
    expect(first).toMatch(message);
    expect(second).toMatch(/^ {2}hint: /);
    expect(second).toMatch(hint);
    expect(rest).toEqual(['']);
  });

  it.each([
    [['nope', '--json']],
    [['version', '--json', '--nope']],
    [['version', '--json', 'extra']],
    [['version', '-o', 'json', '--nope']],
    [['version', '--output=json', '--nope']],
    [['plan', '-ojson', '--nope']],
  ])('%j is one JSON document', async (args) => {
    const { code, stdout, stderr } = await flan(args);
    expect({ code, stderr }).toEqual({ code: 64, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      format_version: '1.0',
      kind: 'flan.error',
      error: { code: 'E_USAGE', message: expect.any(String), hint: expect.any(String), causes: [], retry: false },
    });
  });

  it('is one line of JSON where lines are asked for', async () => {
    const { code, stdout, stderr } = await flan(['plan', '-o', 'ndjson', '--nope']);
    expect({ code, stderr }).toEqual({ code: 64, stderr: '' });
    expect(stdout.split('\n')).toHaveLength(2);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'error', code: 'E_USAGE' });
    expect(faultsOf('plan-events', JSON.parse(stdout))).toEqual([]);
  });

  it('says what is missing, and nothing of the inner life of the parser', async () => {
    const { code, stderr } = await flan(['checkpoint', 'show']);
    expect(code).toBe(64);
    expect(stderr).toMatch(/Missing 1 required arg/);
    expect(stderr).not.toMatch(/Note:|allow multiple values|signify/);
  });

  it('is no bug when the current directory is gone', async () => {
    const leave = 'cd "$(mktemp -d)" && rmdir "$PWD" && exec "$0" plan';
    const { code, stderr } = await flan(['-c', leave, FLAN], { command: 'sh' });
    expect(stderr).toMatch(/^Error E_FILE: the current directory no longer exists\n(.*\n)*.*hint: /);
    expect(code).toBe(1);
  });

  it('shows the stack only under --debug', async () => {
    expect((await flan(['version', '--nope'])).stderr).not.toContain('    at ');
    expect((await flan(['version', '--nope', '--debug'])).stderr).toContain('    at ');
  });
});

describe('help', () => {
  it.each([[[]], [['--help']], [['-h']], [['help']]])('%j lists the commands', async (args) => {
    const { code, stdout, stderr } = await flan(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ {2}version +Print the version/m);
  });

  it.each([[['version', '--help']], [['version', '-h']], [['help', 'version']]])(
    '%j is about the command',
    async (args) => {
      const { code, stdout } = await flan(args);
      expect(code).toBe(0);
      expect(stdout).toContain('$ flan version');
    },
  );
});

describe('help about a command', () => {
  it('shows how it is called and examples before its many flags', async () => {
    const { stdout } = await flan(['apply', '--help']);
    const places = [
      '\nUSAGE\n  $ flan apply [PLAN] [FLAGS]\n',
      '\nEXAMPLES\n',
      '\nDESCRIPTION\n',
      '\nARGUMENTS\n',
      '\nFLAGS\n',
    ];
    const found = places.map((text) => stdout.indexOf(text));
    expect(found).not.toContain(-1);
    expect(found).toEqual([...found].sort((a, b) => a - b));
    // Not said twice.
    expect(stdout.split('Make the changes that plan shows').length).toBe(2);
  });
});

describe('requested', () => {
  const ids = ['plan', 'config:show', 'config:check', 'explain'];
  it.each([
    [['plan', '-o', 'json'], { type: 'run', id: 'plan', argv: ['-o', 'json'] }],
    [['config', 'show', '--origin'], { type: 'run', id: 'config:show', argv: ['--origin'] }],
    [['plan', 'show'], { type: 'run', id: 'plan', argv: ['show'] }],
    [['explain', '--', '--help'], { type: 'run', id: 'explain', argv: ['--', '--help'] }],
    [['config'], { type: 'help', words: ['config'] }],
    [['config', '--help'], { type: 'help', words: ['config'] }],
    [['config', 'shwo'], { type: 'unknown', words: ['config', 'shwo'] }],
    [['help', 'config', 'show'], { type: 'help', words: ['config', 'show'] }],
    [['plan', 'something', '--help'], { type: 'help', words: ['plan'] }],
    [['toString'], { type: 'unknown', words: ['toString'] }],
    [[''], { type: 'unknown', words: [''] }],
  ])('%j', (argv, expected) => {
    expect(requested(argv, ids)).toEqual(expected);
  });
});

describe('an error', () => {
  const cause = new Error('connect ECONNREFUSED 127.0.0.1:2379', { cause: new Error('deep') });
  const error = new FlanError('E_STORE_UNREACHABLE', 'etcd does not answer', {
    where: 'flan.yaml:3:5',
    hint: 'Start it.',
    retry: true,
    cause,
  });

  it('is told with place, causes and hint', () => {
    expect(errorText(error, { detail: 'normal', chalk: new Chalk({ level: 0 }) })).toBe(
      [
        'Error E_STORE_UNREACHABLE: etcd does not answer',
        '  where: flan.yaml:3:5',
        '  cause: connect ECONNREFUSED 127.0.0.1:2379',
        '  cause: deep',
        '  hint:  Start it.',
        '',
      ].join('\n'),
    );
  });

  it('is the same as a document', () => {
    expect(errorDocument(error, 'normal').error).toEqual({
      code: 'E_STORE_UNREACHABLE',
      message: 'etcd does not answer',
      where: 'flan.yaml:3:5',
      hint: 'Start it.',
      causes: ['connect ECONNREFUSED 127.0.0.1:2379', 'deep'],
      retry: true,
    });
    expect(errorDocument(error, 'debug').error.stack).toContain('    at ');
  });

  it('does not repeat a cause that the message quotes, nor run in circles', () => {
    const inner = new Error('disk full');
    const outer = new FlanError('E_FILE', 'cannot write x: disk full', { cause: inner });
    inner.cause = outer;
    expect(errorDocument(outer, 'normal').error.causes).toEqual([]);
  });
});
