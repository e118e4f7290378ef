import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { childAnswer } from '../../src/sys/child-answer.js';

const never = new AbortController().signal;
const shell = (script: string) => spawn('sh', ['-c', script], { stdio: 'pipe' });
const ask = (script: string, { limitMs = 20_000, signal = never } = {}) => {
  const child = shell(script);
  return { child, answer: childAnswer(child, { program: 'tool', stdin: 'in', limitMs, signal }) };
};

it('tells what a program said, and takes its failure for an answer', async () => {
  expect(await ask('cat; echo complaint >&2; exit 3').answer).toEqual({ code: 3, stdout: 'in', stderr: 'complaint\n' });
});

it.each([
  ['waits', 'exec sleep 1000', 'SIGTERM'],
  ['does not listen', "trap '' TERM; exec sleep 1000", 'SIGKILL'],
])('ends a program that %s for too long', async (_, script, by) => {
  const { child, answer } = ask(script, { limitMs: 200 });
  await expect(answer).rejects.toMatchObject({
    ...{ code: 'E_SYSTEM', retry: true, message: 'tool did not end within 0.2 s, and was stopped' },
    hint: 'Look at what tool waits for.',
  });
  expect(child.signalCode).toBe(by);
});

it('waits for nobody who holds the pipes of a program that was ended', async () => {
  const { child, answer } = ask('sleep 30 & echo $!; wait', { limitMs: 200 });
  const helper = new Promise<number>((resolve) =>
    child.stdout.once('data', (pid: Buffer) => resolve(Number(`${pid}`))),
  );
  await expect(answer).rejects.toMatchObject({ code: 'E_SYSTEM' });
  // It is still there, and holds them.
  process.kill(await helper, 'SIGKILL');
});

it('ends for its signal, with its reason, what does not listen either', async () => {
  const stop = new AbortController();
  const { child, answer } = ask("trap '' TERM; echo ready; exec sleep 1000", { signal: stop.signal });
  child.stdout.once('data', () => stop.abort(new Error('enough')));
  await expect(answer).rejects.toThrow('enough');
  expect(child.signalCode).toBe('SIGKILL');
});

it('says which program could not be started', async () => {
  const child = spawn('/nowhere/tool', [], { stdio: 'pipe' });
  const answer = childAnswer(child, { program: 'tool', limitMs: 1_000, signal: never });
  await expect(answer).rejects.toMatchObject({
    code: 'E_TOOL_MISSING',
    message: expect.stringContaining('/nowhere/tool'),
  });
});
