// Builds dist/: the command line as lazy CommonJS chunks, oclif's manifest of it, and the engine as ES modules.
//   --if-stale  only when something is newer than the last build
//   --release   with the engine's type declarations and the licences of what is bundled, and nothing left of old builds
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, 'cli.cjs');
/** Left alone so long after a build replaced it: a process of the build before may still load it. */
const STALE_CHUNK_MS = 3_600_000;

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

/** What oclif requires for looking around for plugins, TypeScript and Windows; flan hands it its commands instead. */
const NEVER_USED = /^(tinyglobby|minimatch|lilconfig|wsl-utils|typescript)$/;
/** What prom-client requires for pushing, for clusters of processes and for its own metrics, http and others with them. */
const NEVER_COLLECTED = /^\.\/lib\/(pushgateway|cluster|defaultMetrics)$/;

const withoutUnused = {
  name: 'without-unused',
  setup(build) {
    build.onResolve({ filter: NEVER_USED }, ({ path, importer }) =>
      importer.includes('/node_modules/@oclif/core/') ? { path, namespace: 'unused' } : undefined,
    );
    build.onResolve({ filter: NEVER_COLLECTED }, ({ path, importer }) =>
      importer.endsWith('/prom-client/index.js') ? { path, namespace: 'unused' } : undefined,
    );
    // What oclif tells of itself under DEBUG.
    build.onResolve({ filter: /^debug$/ }, ({ path, importer }) =>
      importer.includes('/node_modules/@oclif/core/') ? { path, namespace: 'silent' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'silent' }, () => ({ contents: 'module.exports = () => () => {};' }));
    // chalk looks at the terminal when it is loaded, and loads node's sockets for that; flan tells it what to paint.
    build.onResolve({ filter: /^#supports-color$/ }, ({ path }) => ({ path, namespace: 'unused' }));
    build.onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  },
};

/**
 * oclif loads all of itself, help and plugins too, before the first command: here each of its files is loaded when
 * something of it is used. It is compiled by TypeScript, which writes an import, and each use of it, in one way only.
 */
const lateOclif = {
  name: 'late-oclif',
  setup(build) {
    build.onLoad({ filter: /node_modules\/@oclif\/core\/lib\/.*\.js$/ }, ({ path }) => {
      let contents = readFileSync(path, 'utf8');
      const imports = /^(?:const|var) (\w+) = ((?:__import(?:Default|Star)\()?require\("[^"]+"\)\)?);$/gm;
      for (const [line, name, load] of [...contents.matchAll(imports)]) {
        const uses = new RegExp(`(?<![.\\w])${name}\\b(?! =)(\\.)?`, 'g');
        // Handed on whole, it is not known what of it is used.
        if ([...contents.matchAll(uses)].some(([, dot]) => dot === undefined)) continue;
        contents = contents
          .replace(uses, () => `(${name}()).`)
          .replace(line, () => `let loaded_${name}; const ${name} = () => (loaded_${name} ??= ${load});`);
      }
      return { contents, loader: 'js' };
    });
  },
};

const [cli, workers, engine] = await Promise.all([buildCli(), buildWorkers(), buildEngine()]);
if (release) {
  declareTypes();
  put(join(DIST, 'THIRD-PARTY-LICENSES.txt'), licences([cli, workers, engine]));
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
  tidy(
    DIST,
    chunks.map(({ path }) => path),
  );
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

/**
 * A CommonJS package that is imported lazily comes out with a default export alone, and the names are missed only when
 * the line runs. Import it statically from a file of ours and that file lazily, or alias its ES module above.
 */
function refuseNamelessImports({ outputs }) {
  const nameless = Object.values(outputs).filter(
    ({ entryPoint, exports }) => entryPoint?.startsWith('node_modules/') && exports.join() === 'default',
  );
  if (nameless.length > 0)
    throw new Error(`imported lazily, but CommonJS: ${nameless.map((o) => o.entryPoint).join(', ')}`);
}

/** Of chunks that import each other one would see nothing yet: their exports are made at their ends. */
function refuseCircles({ outputs }) {
  const done = new Set();
  const visit = (path, above) => {
    if (above.includes(path)) throw new Error(`chunks import each other: ${[...above, path].join(', ')}`);
    if (done.has(path)) return;
    const imports = (outputs[path]?.imports ?? []).filter(({ kind }) => kind === 'import-statement');
    for (const next of imports) visit(next.path, [...above, path]);
    done.add(path);
  };
  for (const path of Object.keys(outputs)) visit(path, []);
}

/**
 * esbuild itself would export each name through two getters, as one may be given its value later, and copy them once
 * more for `import()`. Nearly all have their values when the chunk has run: these are plain properties here, which are
 * made in a fraction of the time and are quicker at each use.
 */
function withPlainExports(code) {
  const lazy = code.replace(/\bimport\(("\.\/[^"]+")\)/g, 'Promise.resolve().then(()=>require($1))');
  const own = lazy.replace(/^(?:import[^;]*;)+/, '');
  return lazy.replace(/\bexport\{([^}]*)\};?\s*$/, (_, list) => {
    const members = list.split(',').map((entry) => {
      const [local, name = local] = entry.split(' as ');
      return isLate(own, local.replaceAll('$', '\\$')) ? `get ${name}(){return ${local}}` : `${name}:${local}`;
    });
    return `module.exports={${members}};`;
  });
}

/** Whether a name is declared without a value and given one elsewhere, or at least it looks so. */
function isLate(code, name) {
  const isDeclaredBare = new RegExp(`(?:var |let |,)${name}[,;]`).test(code);
  return isDeclaredBare && new RegExp(`(?<!(?:var|let|const) |[\\w$.])${name}(?:=(?![=>])|\\+\\+|--)`).test(code);
}

async function commonJs(code) {
  const usesUrl = code.includes('import.meta.url');
  const result = await transform(withPlainExports(code), {
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    supported: { 'dynamic-import': false },
    define: {
      'import.meta.url': '__flanUrl',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
    },
    banner: usesUrl ? 'const __flanUrl=require("node:url").pathToFileURL(__filename).href;' : '',
    minifyWhitespace: true,
  });
  return result.code;
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
  tidy(
    join(DIST, 'engine'),
    result.outputFiles.map((file) => file.path),
  );
  return result.metafile;
}

/** Removes the chunks of builds before. */
function tidy(folder, current) {
  const chunks = readdirSync(folder).filter((name) => /\.c?js$/.test(name) && !name.endsWith('.worker.cjs'));
  for (const path of chunks.map((name) => join(folder, name)).filter((path) => !current.includes(path))) {
    if (release || Date.now() - statSync(path).mtimeMs > STALE_CHUNK_MS) rmSync(path, { force: true });
  }
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

/** The licence texts of the bundled packages, as their terms ask. */
function licences(metafiles) {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = inputs.flatMap((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []);
  const texts = [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(ROOT, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version} (${license})\n\n${file ? readFileSync(join(ROOT, folder, file), 'utf8') : ''}`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

/** Replaces a file in one step, if it differs. */
function put(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  try {
    if (readFileSync(path, 'utf8') === text) return;
  } catch {
    // Not there yet.
  }
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
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
    const inputs = [...sources(), 'package.json', 'package-lock.json', 'scripts/build.mjs'];
    return inputs.every((file) => statSync(join(ROOT, file)).mtimeMs < builtMs);
  } catch {
    return false;
  }
}
