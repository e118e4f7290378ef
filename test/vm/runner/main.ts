import { collectTests, startTests, type VitestRunner } from '@vitest/runner';
import type { Listed, Reported } from './report.js';

type Task = Parameters<NonNullable<VitestRunner['onAfterRunTask']>>[0];

/**
 * Runs suites, given as lazy imports by file, one after the other in this process, and prints a line of JSON per test.
 * With `--list` it only says which there are.
 */
export async function main(suites: Readonly<Record<string, () => Promise<unknown>>>): Promise<void> {
  const runner: VitestRunner = {
    config: {
      root: process.cwd(),
      setupFiles: [],
      name: undefined,
      passWithNoTests: false,
      testNamePattern: undefined,
      allowOnly: true,
      sequence: { seed: 1, hooks: 'stack', setupFiles: 'list' },
      chaiConfig: undefined,
      maxConcurrency: 1,
      testTimeout: 60_000,
      hookTimeout: 60_000,
      // On an emulated machine a deadline may pass once; what is wrong fails every time.
      retry: 2,
      includeTaskLocation: false,
      tags: [],
      tagsFilter: undefined,
      strictTags: false,
    },
    importFile: (file) => suites[file]?.(),
    onAfterRunTask: (task) => print({ type: 'test', ...nameOf(task), ...resultOf(task) }),
  };
  const files = Object.keys(suites);
  if (process.argv.includes('--list')) {
    for (const file of await collectTests(files, runner)) {
      for (const task of testsOf(file)) print({ type: 'listed', ...nameOf(task) });
      if (file.result?.errors?.[0]) throw new Error(`${file.filepath}: ${file.result.errors[0].stack}`);
    }
    return;
  }
  for (const file of await startTests(files, runner)) {
    for (const { message, stack } of file.result?.errors ?? [])
      print({ type: 'broken', file: file.filepath, error: stack ?? message });
  }
  print({ type: 'end' });
}

const print = (report: Listed | Reported): void => {
  process.stdout.write(`${JSON.stringify(report)}\n`);
};

type Parent = { readonly tasks: readonly (Task | (Parent & { readonly type: 'suite' }))[] };

const testsOf = ({ tasks }: Parent): Task[] => tasks.flatMap((task) => (task.type === 'suite' ? testsOf(task) : task));

const nameOf = ({ file, fullTestName }: Task): { readonly file: string; readonly name: string } => ({
  file: file.filepath,
  name: fullTestName,
});

function resultOf({ result, mode }: Task): Pick<Extract<Reported, { type: 'test' }>, 'state' | 'detail'> {
  if (mode === 'skip' || mode === 'todo') return { state: 'skip', detail: noteOf(result) };
  if (result?.state === 'pass') return { state: 'pass', detail: '' };
  const text = (result?.errors ?? []).map(({ stack, message, diff }) => [stack ?? message, diff ?? ''].join('\n'));
  return { state: 'fail', detail: text.join('\n') || `ended as '${result?.state}'` };
}

/** vitest puts the reason of a skip there; its types do not say so. */
const noteOf = (result: object | undefined): string =>
  result !== undefined && 'note' in result && typeof result.note === 'string' ? result.note : 'skipped';
