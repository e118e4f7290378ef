import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/** The value that `share` per cent of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((share / 100) * sorted.length) - 1)] ?? Number.NaN;
}

export type Sample = () => number | Promise<number>;

/**
 * Medians of samples that are taken in turn, so that a machine that slows down slows all of them. The first round
 * warms up and does not count.
 */
export async function alternate<Name extends string>(
  samples: Readonly<Record<Name, Sample>>,
  rounds: number,
): Promise<Readonly<Record<Name, number>>> {
  const names = Object.keys(samples) as Name[];
  const taken = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const value = await samples[name]();
      if (round > 0) taken.get(name)?.push(value);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(taken.get(name) ?? [])])) as Record<Name, number>;
}

/** How long one call takes. */
export async function elapsedMs(work: () => unknown): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

export interface ProcessCost {
  readonly wallMs: number;
  /** User and system time, with those of the children it waited for. */
  readonly cpuMs: number;
  readonly maxRssKiB: number;
}

export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Cost of a whole process from fork to exit; its stdin is empty and its output is dropped. @throws when it fails */
export async function wholeProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessCost> {
  const wrapper = compileC(join(ROOT, 'test/bench/rusage.c'));
  const child = spawn(wrapper, [command, ...args], { ...options, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  const text = await Promise.all([child.stdio[2], child.stdio[3]].map(readAll));
  const code = child.exitCode ?? (await new Promise((resolve) => child.on('close', resolve)));
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} exited with ${code}: ${text[0]}`);
  const [wallMs = Number.NaN, cpuMs = Number.NaN, maxRssKiB = Number.NaN] = (text[1] ?? '').split(' ').map(Number);
  return { wallMs, cpuMs, maxRssKiB };
}

async function readAll(stream: unknown): Promise<string> {
  let text = '';
  for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString();
  return text;
}

/** Compiles a C program with gcc, unless it was compiled before as it is now. @returns the path of the program */
export function compileC(source: string, flags: readonly string[] = ['-O2']): string {
  const key = createHash('sha256').update(readFileSync(source)).update(flags.join(' ')).digest('hex').slice(0, 16);
  const folder = join(ROOT, '.cache/bench');
  const program = join(folder, `${basename(source, '.c')}-${key}`);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const temporary = `${program}.${process.pid}`;
  execFileSync('gcc', [...flags, '-Wall', '-o', temporary, source], { stdio: ['ignore', 'ignore', 'inherit'] });
  renameSync(temporary, program);
  return program;
}
