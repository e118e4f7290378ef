// Tests of what the kernel of a build machine often lacks (ipip, WireGuard): the files *.suite.ts beside this one, which
// read as any other test, and kernel tests that are worth a second kernel. All of them run in one VM that is started
// once, by a runner that reports each, or right here when this kernel has everything.
// FLAN_VM_ONLY=ipip runs only the suites with that in their names.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { whyNot } from '../support/kernel.js';
import { bundle, runHere, startBundle, whyNoVm } from '../support/vm.js';
import type { Listed, Reported } from './runner/report.js';

/** For the boot and all suites. */
const LIMIT_MS = 1_200_000;
const ALSO = ['test/netlink/families.kernel.test.ts', 'test/netlink/kernel-behaviour.kernel.test.ts'];

// Those first: once the ipip module is there, every new namespace has a tunl0.
const suites = ALSO.concat(
  readdirSync(fileURLToPath(new URL('.', import.meta.url)))
    .filter((name) => name.endsWith('.suite.ts'))
    .map((name) => `test/vm/${name}`),
).filter((file) => file.includes(process.env.FLAN_VM_ONLY ?? ''));

const built = await bundle({
  alias: { vitest: 'test/vm/runner/vitest.ts' },
  source: [
    "import { main } from './test/vm/runner/main.ts';",
    `await main({${suites.map((file) => `'${file}': () => import('./${file}')`).join(', ')}});`,
  ].join('\n'),
});
const listed = (await runHere(built, ['--list']))
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Listed);

type Verdict = Extract<Reported, { type: 'test' }>;
const keyOf = ({ file, name }: Pick<Listed, 'file' | 'name'>): string => `${file} ${name}`;

const verdicts = new Map<string, Verdict>();
/** What is no report: the guest's stderr. Shown when a test fails. */
const noise: string[] = [];
const broken: string[] = [];
/** Why there will be no more verdicts. */
let over: string | undefined;
const waiting = new Set<() => void>();

function absorb(line: string): void {
  if (line.startsWith('{"type":"')) {
    const report = JSON.parse(line) as Reported;
    if (report.type === 'test') verdicts.set(keyOf(report), report);
    if (report.type === 'broken') broken.push(`${report.file}: ${report.error}`);
  } else noise.push(line);
  for (const look of waiting) look();
}

/** A test's verdict; waits until it is there. */
const verdictOf = (one: Listed): Promise<Verdict> =>
  new Promise((resolve, reject) => {
    const look = (): void => {
      const verdict = verdicts.get(keyOf(one));
      if (verdict === undefined && over === undefined) return;
      waiting.delete(look);
      if (verdict !== undefined) resolve(verdict);
      else reject(new Error([over, ...broken, ...noise.slice(-60)].join('\n')));
    };
    waiting.add(look);
    look();
  });

const isHere = whyNot(['ipip', 'wireguard']) === undefined;
const missing = isHere ? undefined : whyNoVm();
let stop = (): void => undefined;

beforeAll(() => {
  if (missing !== undefined) return;
  const where = isHere ? 'here' : 'vm';
  const run = startBundle({ where, bundle: built, timeoutSeconds: LIMIT_MS / 1000, onLine: absorb });
  stop = () => void run.child.kill();
  const end = (why: string): void => {
    over = why;
    for (const look of waiting) look();
  };
  run.ended.then(
    (code) => end(`the runner ended with ${code} before this test`),
    (error) => end(String(error)),
  );
});

afterAll(() => {
  stop();
  built.remove();
});

for (const file of suites) {
  describe(file, () => {
    for (const one of listed.filter((candidate) => candidate.file === file)) {
      test(one.name, { timeout: LIMIT_MS }, async ({ skip }) => {
        if (missing !== undefined) {
          if (process.env.FLAN_REQUIRE_KERNEL === '1') throw new Error(`cannot run here: ${missing}`);
          process.stderr.write(`SKIPPED ${one.name}: ${missing}\n`);
          skip(missing);
        }
        const { state, detail } = await verdictOf(one);
        if (state === 'skip') skip(detail);
        if (state === 'fail') throw new Error([detail, ...noise.slice(-20)].join('\n'));
      });
    }
  });
}
