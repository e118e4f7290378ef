import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { wantsColour } from '../../src/commands/colour.js';
import { FLAN, finished, flan, startFlan } from '../support/cli.js';

const ESCAPE = '\u001b[';

describe('wantsColour', () => {
  it.each([
    [{ isTty: true }, true],
    [{ isTty: false }, false],
    [{ isTty: true, env: { TERM: 'dumb' } }, false],
    [{ isTty: true, env: { NO_COLOR: '1' } }, false],
    [{ isTty: true, env: { NO_COLOR: '' } }, true],
    [{ isTty: false, env: { FORCE_COLOR: '1' } }, true],
    [{ isTty: false, env: { CLICOLOR_FORCE: '1' } }, true],
    [{ isTty: true, env: { FORCE_COLOR: '0' } }, false],
    [{ isTty: true, env: { NO_COLOR: '1', FORCE_COLOR: '1' } }, false],
    [{ isTty: false, argv: ['--color'], env: { NO_COLOR: '1' } }, true],
    [{ isTty: true, argv: ['--no-color'], env: { FORCE_COLOR: '1' } }, false],
    [{ isTty: true, argv: ['--color', '--no-color'] }, false],
    [{ isTty: true, argv: ['--', '--no-color'] }, true],
    [{ isTty: false, argv: ['--color=always'], env: { NO_COLOR: '1' } }, true],
    [{ isTty: true, argv: ['--color=never'], env: { FORCE_COLOR: '1' } }, false],
    [{ isTty: true, argv: ['--color=always', '--color=auto'], env: { NO_COLOR: '1' } }, false],
    [{ isTty: true, argv: ['--color=auto'] }, true],
    [{ isTty: false, argv: ['--color', '--color=auto'] }, false],
  ])('%j: %s', (inputs, expected) => {
    expect(wantsColour({ argv: [], env: {}, ...inputs })).toBe(expected);
  });
});

describe('colours', () => {
  it('are absent where nobody looks', async () => {
    const { stderr } = await flan(['nope']);
    expect(stderr).not.toContain(ESCAPE);
  });

  it('come when asked for', async () => {
    const { stderr } = await flan(['nope', '--color']);
    expect(stderr).toContain(ESCAPE);
  });

  it.each([
    ['a terminal', {}, true],
    ['a terminal with NO_COLOR', { NO_COLOR: '1' }, false],
    ['a dumb terminal', { TERM: 'dumb' }, false],
  ])('on %s', async (_, env, coloured) => {
    const child = spawn('script', ['-qec', `${process.execPath} ${FLAN} nope`, '/dev/null'], {
      env: { PATH: process.env.PATH, TERM: 'xterm', ...env },
    });
    const { code, stdout } = await finished(child);
    expect(code).toBe(64);
    expect(stdout).toContain('E_USAGE');
    expect(stdout.includes(ESCAPE)).toBe(coloured);
  });

  it.each([
    ['always', true],
    ['never', false],
    ['auto', false],
  ])('--color=%s is understood', async (when, coloured) => {
    const { code, stderr } = await flan(['schema', 'nope', `--color=${when}`]);
    expect(code).toBe(64);
    expect(stderr).toContain("there is no schema 'nope'");
    expect(stderr.includes(ESCAPE)).toBe(coloured);
  });

  it('--color takes no other word', async () => {
    const { code, stderr } = await flan(['version', '--color=blue']);
    expect(code).toBe(64);
    expect(stderr).toContain('--color must be auto, always or never, not "blue"');
  });

  it('never make Node warn about two variables at once', async () => {
    const { stderr } = await flan(['version', '--help'], { env: { NO_COLOR: '1', FORCE_COLOR: '1' } });
    expect(stderr).toBe('');
  });
});

describe('streams', () => {
  it.each([[['version']], [['version', '--json']], [['--help']]])(
    '%j survives a reader that goes away',
    async (args) => {
      const child = startFlan(args);
      child.stdout.destroy();
      expect(await finished(child)).toMatchObject({ code: 0, signal: null, stderr: '' });
    },
  );

  it.each([[['version']], [['version', '--json']], [['--help']]])(
    '%j says that a full disk took its output',
    async (args) => {
      const onto = ['-c', '"$0" "$@" >/dev/full', FLAN, ...args];
      const { code, stderr } = await flan(onto, { command: 'sh' });
      expect(stderr).toMatch(/^Error E_FILE: what was printed is not complete: .*ENOSPC/);
      expect(code).toBe(1);
    },
  );

  it('stdin is not read unless asked for', async () => {
    // Stdin stays open: a command that waited for it would never end.
    expect(await flan(['version'])).toMatchObject({ code: 0 });
    expect(await flan(['version', 'extra'])).toMatchObject({ code: 64 });
  });
});

describe('signals', () => {
  const script = `
    import { interruptSignal, orInterruption } from './src/commands/interrupt.ts';
    const signal = interruptSignal();
    const stay = setInterval(() => {}, 1000);
    signal.addEventListener('abort', () => {
      console.log('reason ' + signal.reason.code);
      console.log('abort error is ' + orInterruption(new DOMException('x', 'AbortError')).code);
      console.log('other error is ' + orInterruption(new TypeError('y')).message);
      if (process.argv[1] === 'leave') clearInterval(stay);
    });
    console.log('ready');
  `;
  const start = (mode: 'leave' | 'stay') =>
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, mode], {
      cwd: new URL('../..', import.meta.url),
    });
  const line = (child: ReturnType<typeof start>, text: string) =>
    new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => chunk.includes(text) && resolve());
    });

  it.each([
    ['SIGINT', 'E_INTERRUPTED'],
    ['SIGTERM', 'E_TERMINATED'],
  ] as const)('%s aborts with %s', async (signal, code) => {
    const child = start('leave');
    const end = finished(child);
    await line(child, 'ready');
    child.kill(signal);
    expect(await end).toMatchObject({
      code: 0,
      stderr: '',
      stdout: `ready\nreason ${code}\nabort error is ${code}\nother error is y\n`,
    });
  });

  it('the second one does not wait', async () => {
    const child = start('stay');
    const end = finished(child);
    await line(child, 'ready');
    child.kill('SIGINT');
    await line(child, 'reason');
    child.kill('SIGTERM');
    expect(await end).toMatchObject({ code: 143 });
  });
});
