import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { commandRunner, OUTPUT_BYTES } from '../../../src/drivers/process/run-command.js';
import type { Variables } from '../../../src/kinds/extension-command.js';
import { signalProcess } from '../../support/signal.js';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-command-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

const signal = new AbortController().signal;

interface Given {
  readonly run: string | readonly string[];
  readonly shell?: boolean;
  readonly variables?: Variables;
  readonly stdin?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const run = ({ run: line, shell = false, variables = {}, stdin = '\n', timeoutMs = 20_000, ...rest }: Given) =>
  commandRunner({ timeoutMs })(
    { what: 'SubnetAddCommand for X', command: { run: line, shell }, variables, stdin },
    rest.signal ?? signal,
  );

/** Every way in which text becomes code somewhere, and a mark that shows when it has. */
const hostile = (mark: string): readonly string[] =>
  [`$(touch ${mark})`, `\`touch ${mark}\``, `; touch ${mark}`, `\n touch ${mark}\n`, `| touch ${mark}`].flatMap(
    (code) => [code, `"${code}`, `'${code}'`, `\\${code}`, `x' ${code} #`, `x" ${code} #`],
  );

describe('a command', () => {
  it('is told its values and its input, and answers', async () => {
    const answer = await run({
      run: ['sh', '-c', 'cat; echo "$1,$SUBNET" >&2; exit 3', 'x', '$SUBNET'],
      variables: { SUBNET: '10.0.0.0/8' },
      stdin: 'data\n',
    });
    expect(answer).toEqual({ code: 3, stdout: 'data', stderr: '10.0.0.0/8,10.0.0.0/8', isCut: false });
  });

  it('finds what is in the sbin directories with no PATH at all', async () => {
    vi.stubEnv('PATH', undefined);
    expect((await run({ run: 'ip -V' })).code).toBe(0);
  });

  it('is told nothing secret, not even where it asks by name', async () => {
    vi.stubEnv('FLAN_ETCD_PASSWORD', 'hunter2');
    vi.stubEnv('FLANNELD_ETCD_PASSWORD', 'hunter2');
    vi.stubEnv('ACCESS_KEY_SECRET', 'hunter2');
    vi.stubEnv('OF_THE_OPERATOR', 'kept');
    const { stdout } = await run({ run: ['sh', '-c', 'env; echo "[$1]"', 'x', '$FLAN_ETCD_PASSWORD$OF_THE_OPERATOR'] });
    expect(stdout).not.toContain('hunter2');
    expect(stdout).toContain('OF_THE_OPERATOR=kept');
    expect(stdout).toContain('[kept]');
  });

  it('that is in another variable of ours does not reach it', async () => {
    vi.stubEnv('IPV6SUBNET', 'of somebody else');
    expect((await run({ run: ['sh', '-c', 'echo "[$IPV6SUBNET]"'], variables: { IPV6SUBNET: '' } })).stdout).toBe('[]');
  });

  it('gets an empty line even where it reads none', async () => {
    expect((await run({ run: 'true' })).code).toBe(0);
    expect((await run({ run: ['sh', '-c', 'read line; echo "[$line]$?"'] })).stdout).toBe('[]0');
  });
});

describe('data of a lease', () => {
  it('never becomes code, by whatever way it comes', async () => {
    const mark = join(dir, 'mark');
    for (const data of hostile(mark)) {
      const values = { variables: { BACKEND_DATA: data, OTHER: data }, stdin: `${data}\n` };
      // Even a command that the config check would refuse.
      const words = await run({ run: `printf %s "$OTHER" $OTHER [$BACKEND_DATA]`, ...values });
      expect(words.stdout).toBe(`${data}${data}[]`.trim());
      const shell = await run({ run: 'printf %s "$BACKEND_DATA"; cat >/dev/null', shell: true, ...values });
      expect(shell.stdout).toBe(data.trim());
      const input = await run({ run: 'cat', ...values });
      expect(input.stdout).toBe(data.trim());
      const nested = await run({ run: ['sh', '-c', 'printf %s "$1"', 'x', '$OTHER'], ...values });
      expect(nested.stdout).toBe(data.trim());
    }
    expect(existsSync(mark)).toBe(false);
  });

  it('of a mebibyte goes in whole, to one that reads and to one that does not', async () => {
    const data = 'x'.repeat(1 << 20);
    const values = { variables: { BACKEND_DATA: data }, stdin: `${data}\n` };
    expect((await run({ run: 'wc -c', ...values })).stdout).toBe(String((1 << 20) + 1));
    expect((await run({ run: ['sh', '-c', 'exec 0<&-; echo "[$BACKEND_DATA]"'], ...values })).stdout).toBe('[]');
  });

  it('with a NUL is whole on standard input, and nothing in the environment', async () => {
    const answer = await run({
      run: ['sh', '-c', 'od -An -c; echo "[$BACKEND_DATA]"'],
      variables: { BACKEND_DATA: 'a\0b' },
      stdin: 'a\0b\n',
    });
    expect(answer.stdout.replace(/ +/g, ' ')).toBe('a \\0 b \\n\n[]');
  });
});

describe('a command that misbehaves', () => {
  it('is told by its name when there is no such program', async () => {
    await expect(run({ run: '/no/such/program' })).rejects.toMatchObject({
      code: 'E_EXTENSION',
      message: 'SubnetAddCommand for X cannot be run: there is no such program',
    });
    await expect(run({ run: dir })).rejects.toMatchObject({
      code: 'E_EXTENSION',
      message: expect.stringContaining('EACCES'),
    });
    await expect(run({ run: '$NONE' })).rejects.toMatchObject({ message: expect.stringContaining('names no program') });
  });

  it('is ended with all that it has started when it takes too long', async () => {
    const pids = join(dir, 'pids');
    const script = `trap '' TERM; sh -c 'trap "" TERM; echo $$ >>${pids}; exec sleep 600' & echo $$ >>${pids}; wait; sleep 600`;
    await expect(run({ run: ['sh', '-c', script], timeoutMs: 300 })).rejects.toMatchObject({
      code: 'E_EXTENSION',
      message: 'SubnetAddCommand for X took longer than 0.3 s',
    });
    const left = readFileSync(pids, 'utf8').trim().split('\n');
    expect(left).toHaveLength(2);
    await vi.waitFor(() => expect(left.filter(isRunning)).toEqual([]), { timeout: 10_000 });
  });

  it('is ended when flan is told to stop', async () => {
    const stop = new AbortController();
    const running = run({ run: 'sleep 600', signal: stop.signal });
    setTimeout(() => stop.abort(new Error('stopped')), 50);
    await expect(running).rejects.toThrow('stopped');
    await expect(run({ run: 'true', signal: stop.signal })).rejects.toThrow('stopped');
  });

  it('that a signal ends has not answered', async () => {
    await expect(run({ run: ['sh', '-c', 'kill -9 $$'] })).rejects.toMatchObject({
      message: expect.stringContaining('SIGKILL'),
    });
  });

  it('that leaves a daemon with its output open has ended', async () => {
    const pids = join(dir, 'daemon');
    const { code, stdout } = await run({ run: ['sh', '-c', `sleep 600 & echo $! >${pids}; echo made`] });
    const [pid] = readFileSync(pids, 'utf8').trim().split('\n');
    try {
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'made' });
      expect(isRunning(pid ?? '')).toBe(true);
    } finally {
      signalProcess(pid, 'SIGKILL');
    }
  });

  it('that writes without end is read, and most of it forgotten', async () => {
    const { stdout, isCut, code } = await run({ run: ['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x'] });
    expect({ length: stdout.length, isCut, code }).toEqual({ length: OUTPUT_BYTES, isCut: true, code: 0 });
  });
});

/** A zombie that nobody has waited for runs no more. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
