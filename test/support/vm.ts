import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VM_RUN = join(ROOT, 'test/support/vm-run');
const CANNOT = 77;

/** Why no VM can be started here, in words. Brings in what is missing, so the first call may take a minute. */
export function whyNoVm(): string | undefined {
  const { status, stderr } = spawnSync(VM_RUN, ['--check'], { cwd: ROOT, encoding: 'utf8' });
  if (status === 0) return undefined;
  const reason = stderr.trim().split('\n').at(-1) ?? '';
  return status === CANNOT ? reason : `vm-run --check ended with ${status}: ${reason}`;
}

export interface Program {
  /** What the program is, as the text of a module in the repository's root. */
  readonly source: string;
  /** Modules by the name they are imported by, to be replaced by files. */
  readonly alias?: Readonly<Record<string, string>>;
}

/** One file to start: in the VM the start of anything that compiles TypeScript or looks for many files takes long. */
export interface Bundle {
  /** Relative to the repository's root, which is the working directory in the VM too. */
  readonly path: string;
  remove(): void;
}

export async function bundle({ source, alias = {} }: Program): Promise<Bundle> {
  mkdirSync(join(ROOT, '.cache/vm'), { recursive: true });
  const dir = mkdtempSync(join(ROOT, '.cache/vm/bundle-'));
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  try {
    await build({
      absWorkingDir: ROOT,
      stdin: { contents: source, resolveDir: ROOT, sourcefile: 'main.ts', loader: 'ts' },
      outdir: dir,
      entryNames: 'main',
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      external: ['koffi'],
      alias: {
        // Its CommonJS build comes out of a lazy import without its names.
        yaml: join(ROOT, 'node_modules/yaml/browser/index.js'),
        ...Object.fromEntries(Object.entries(alias).map(([name, file]) => [name, join(ROOT, file)])),
      },
      // CommonJS packages inside ask for Node's own modules by require.
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module';const require = requireFrom(import.meta.url);",
      },
      sourcemap: 'inline',
      sourcesContent: false,
      logLevel: 'warning',
    });
  } catch (error) {
    remove();
    throw error;
  }
  return { path: relative(ROOT, join(dir, 'main.mjs')), remove };
}

/** Runs a bundle on this machine to its end. @returns what it printed */
export async function runHere({ path }: Bundle, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [path, ...args], { cwd: ROOT, maxBuffer: 1 << 26 });
  return stdout;
}

export interface Run {
  readonly child: ChildProcess;
  /** The exit code: the program's own, or one that vm-run explains. */
  readonly ended: Promise<number>;
}

export interface RunInput {
  readonly where: 'vm' | 'here';
  readonly bundle: Bundle;
  readonly args?: readonly string[];
  readonly timeoutSeconds: number;
  /** Told each line of stdout and stderr, which the VM's console does not tell apart. */
  readonly onLine: (line: string) => void;
}

/** Starts a bundle in a VM of its own, or on this machine. */
export function startBundle({ where, bundle: { path }, args = [], timeoutSeconds, onLine }: RunInput): Run {
  const node = [process.execPath, '--enable-source-maps', path, ...args];
  const [command = '', ...rest] = where === 'vm' ? [VM_RUN, ...node] : ['timeout', String(timeoutSeconds), ...node];
  const child = spawn(command, rest, {
    cwd: ROOT,
    // A VM has everything, so a test that finds something missing there fails.
    env: { ...process.env, VM_TIMEOUT: String(timeoutSeconds), ...(where === 'vm' && { FLAN_REQUIRE_KERNEL: '1' }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines = [child.stdout, child.stderr].map(
    (input) => new Promise<void>((resolve) => createInterface({ input }).on('line', onLine).on('close', resolve)),
  );
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => void Promise.all(lines).then(() => resolve(code ?? 125)));
  });
  return { child, ended };
}
