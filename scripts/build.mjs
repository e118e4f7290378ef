// Builds dist/: the command line as lazy CommonJS chunks, oclif's manifest of it, and the engine as ES modules.
//   --if-stale  only when something is newer than the last build
//   --release   with the engine's type declarations and the licences of what is bundled, and nothing left of old builds
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { refuseCircles, refuseNamelessImports } from './build/checks.mjs';
import { commonJs } from './build/common-js.mjs';
import { licences } from './build/licences.mjs';
import { lateOclif, withoutUnused } from './build/oclif.mjs';
import { put, tidy } from './build/output.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, 'cli.cjs');

const begun = new Date();
const release = process.argv.includes('--release');
if (process.argv.includes('--if-stale') && isFresh()) process.exit(0);

const shared = {
  absWorkingDir: ROOT,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  outdir: DIST,
  write: false,
  metafile: true,
  // Prebuilt binaries, so they stay packages.
  external: ['@koromix/*'],
  // Its CommonJS build would come out of a lazy import without its names.
  alias: { yaml: join(ROOT, 'node_modules/yaml/browser/index.js') },
  // Names stay as they are: a stack under --debug is to be read.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
};

const [cli, workers, engine] = await Promise.all([buildCli(), buildWorkers(), buildEngine()]);
if (release) {
  declareTypes();
  put(join(DIST, 'THIRD-PARTY-LICENSES.txt'), licences(ROOT, [cli, workers, engine]));
}
await writeManifest();
// When it was begun: what is edited meanwhile is not in it.
utimesSync(STAMP, begun, begun);

/**
 * Two passes: only ES modules can be split into chunks, but only CommonJS can be loaded through V8's code cache. The
 * second turns `import()` into a lazy `require` of the sibling chunk.
 */
async function buildCli() {
  const result = await build({
    ...shared,
    entryPoints: [{ in: 'src/cli.ts', out: 'cli' }],
    chunkNames: '[name]-[hash]',
    plugins: [withoutUnused, lateOclif],
    outExtension: { '.js': '.cjs' },
  });
  refuseNamelessImports(result.metafile);
  refuseCircles(result.metafile);
  const chunks = await Promise.all(
    result.outputFiles.map(async (file) => ({ path: file.path, code: await commonJs(file.text) })),
  );
  // Names are sums of what a chunk was before: the entry tells one build from another whatever changed (bin/load.js).
  const all = createHash('sha256').update(JSON.stringify(chunks.map(({ code }) => code)));
  const entry = chunks.find(({ path }) => path === STAMP);
  entry.code += `//${all.digest('hex')}\n`;
  // The entry last: whoever starts meanwhile finds either the old set or the new one.
  for (const { path, code } of chunks.sort((a, b) => Number(a.path === STAMP) - Number(b.path === STAMP)))
    put(path, code);
  tidyUp(DIST, chunks);
  return result.metafile;
}

/** A file of its own for each thread: names from a shared chunk are looked up at each use, which packets would feel. */
async function buildWorkers() {
  const workers = sources().filter((file) => file.endsWith('.worker.ts'));
  const result = await build({
    ...shared,
    splitting: false,
    entryPoints: workers.map((file) => ({ in: file, out: basename(file, '.ts') })),
    outExtension: { '.js': '.cjs' },
  });
  for (const file of result.outputFiles) put(file.path, await commonJs(file.text));
  return result.metafile;
}

/** What `import 'flan'` gives. ES modules cannot `require`, which bundled CommonJS packages do. */
async function buildEngine() {
  if (!sources().includes('src/index.ts')) return { inputs: {} };
  const result = await build({
    ...shared,
    outdir: join(DIST, 'engine'),
    external: [...shared.external, 'koffi'],
    entryPoints: ['src/index.ts'],
    banner: {
      js: 'import{createRequire as __flanRequire}from"node:module";const require=__flanRequire(import.meta.url);',
    },
  });
  for (const file of result.outputFiles) put(file.path, file.text);
  tidyUp(join(DIST, 'engine'), result.outputFiles);
  return result.metafile;
}

function tidyUp(folder, files) {
  const current = files.map(({ path }) => basename(path));
  tidy({ folder, current, remove: release ? 'all' : 'long replaced', nowMs: Date.now() });
}

function declareTypes() {
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  const { status } = spawnSync(tsc, ['-p', 'tsconfig.types.json'], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) throw new Error('the type declarations could not be written');
}

/** Lists all commands with their flags, so that help loads none of them. */
async function writeManifest() {
  const { Plugin } = createRequire(import.meta.url)('@oclif/core/config');
  const plugin = new Plugin({ root: ROOT, isRoot: true, ignoreManifest: true, errorOnManifestCreate: true });
  // What oclif would take from the bundle itself, were they not loaded one by one there.
  plugin.commandCache = await createRequire(import.meta.url)(STAMP).loadCommands();
  await plugin.load();
  put(join(DIST, 'oclif.manifest.json'), JSON.stringify(plugin.manifest));
}

function sources() {
  const src = join(ROOT, 'src');
  return readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)));
}

function isFresh() {
  try {
    const builtMs = statSync(STAMP).mtimeMs;
    const own = readdirSync(join(ROOT, 'scripts/build')).map((name) => join('scripts/build', name));
    const inputs = [...sources(), 'package.json', 'package-lock.json', 'scripts/build.mjs', ...own];
    return inputs.every((file) => statSync(join(ROOT, file)).mtimeMs < builtMs);
  } catch {
    return false;
  }
}
