import { readdirSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import type { BenchCase, BenchResult } from './case.js';

// npm run -s bench -- [CASE…] [--json] [-n N]: measures; without a case it lists them.
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, n: { type: 'string', short: 'n' } },
});

const log = (line: string) => process.stderr.write(`${line}\n`);
const cases = await loadCases();

if (positionals.length === 0) {
  const width = Math.max(...cases.map(({ name }) => name.length));
  for (const { name, about } of cases) console.log(`${name.padEnd(width)}  ${about}`);
}
for (const wanted of positionals) {
  const found = cases.find(({ name }) => name === wanted);
  if (found === undefined) {
    log(`there is no case '${wanted}'; without one they are listed`);
    process.exit(64);
  }
  const n = values.n === undefined ? undefined : Number.parseInt(values.n, 10);
  const results = await found.run({ log, ...(n === undefined ? {} : { n }) });
  if (values.json) console.log(JSON.stringify({ case: found.name, machine: machine(), n: n ?? null, results }));
  else for (const result of results) console.log(line(result));
  if (!results.every(({ ok }) => ok)) process.exitCode = 1;
}

async function loadCases(): Promise<readonly BenchCase[]> {
  const folder = new URL('cases/', import.meta.url);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .sort();
  const modules = await Promise.all(files.map((name) => import(new URL(name, folder).href)));
  return modules.map((module) => module.benchCase as BenchCase);
}

function line({ name, value, unit, reference, ratio, goal, ok }: BenchResult): string {
  const number = (x: number) => (Math.abs(x) >= 100 ? x.toFixed(0) : x.toFixed(2));
  return `${ok ? 'ok    ' : 'MISSED'} ${name}: ${number(value)} ${unit}, reference ${number(reference)} ${unit}, ratio ${ratio.toFixed(2)}, goal ${goal}`;
}

function machine() {
  const [cpu] = cpus();
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    node: process.version,
  };
}
