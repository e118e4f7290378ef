// Runs every check and every test. The last line on stdout is `N passed, N failed`; what was skipped is counted above it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'node_modules/.bin');
const scratch = mkdtempSync(join(tmpdir(), 'flan-test-'));
const counts = { passed: 0, failed: 0, skipped: 0 };

try {
  await check('format and lint', 'biome', ['check', '--error-on-warnings', '.']);
  await check('types', 'tsc', ['-p', 'tsconfig.json']);
  await check('build', process.execPath, ['scripts/build.mjs']);
  await vitest(process.argv.slice(2));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

const { passed, failed, skipped } = counts;
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
if (skipped > 0) console.log(`${skipped} skipped`);
console.log(`${passed} passed, ${failed} failed`);

async function check(name, command, args) {
  const ok = (await run(command, args)) === 0;
  console.log(`${ok ? 'ok' : 'FAILED'}: ${name}`);
  counts[ok ? 'passed' : 'failed'] += 1;
}

async function vitest(filters) {
  const report = join(scratch, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const exit = await run('vitest', ['run', ...reporters, ...filters]);
  const before = counts.failed;
  try {
    count(JSON.parse(readFileSync(report, 'utf8')));
  } catch (error) {
    console.log(`FAILED: vitest left no report (${error.message})`);
    counts.failed += 1;
  }
  // Unhandled errors outside tests fail the run without failing a test.
  if (exit !== 0 && counts.failed === before) counts.failed += 1;
}

/** A file that does not even load has no tests to count: it is one failure itself. */
function count({ testResults }) {
  for (const { status, assertionResults, name, message } of testResults) {
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) {
      console.log(`FAILED: ${name}: ${message}`);
      counts.failed += 1;
    }
    for (const test of assertionResults) {
      if (test.status === 'passed') counts.passed += 1;
      else if (test.status === 'failed') counts.failed += 1;
      else counts.skipped += 1;
    }
  }
}

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command.startsWith('/') ? command : join(BIN, command), args, {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', (error) => {
      console.log(`FAILED: ${command}: ${error.message}`);
      resolve(1);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
}
