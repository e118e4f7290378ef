import { readFileSync } from 'node:fs';

/** What oclif requires for looking around for plugins, TypeScript and Windows; flan hands it its commands instead. */
const NEVER_USED = /^(tinyglobby|minimatch|lilconfig|wsl-utils|typescript)$/;
/** What prom-client requires for pushing, for clusters of processes and for its own metrics, http and others with them. */
const NEVER_COLLECTED = /^\.\/lib\/(pushgateway|cluster|defaultMetrics)$/;

/** An esbuild plugin: leaves out what packages load and flan never calls. */
export const withoutUnused = {
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
 * An esbuild plugin: oclif loads all of itself, help and plugins too, before the first command; here each of its files
 * is loaded when something of it is used.
 */
export const lateOclif = {
  name: 'late-oclif',
  setup(build) {
    build.onLoad({ filter: /node_modules\/@oclif\/core\/lib\/.*\.js$/ }, ({ path }) => ({
      contents: withLateImports(readFileSync(path, 'utf8')),
      loader: 'js',
    }));
  },
};

/**
 * Turns the imports of a file into calls that load at the first use. For what TypeScript has compiled to CommonJS: it
 * writes an import, and each use of it, in one way only.
 */
export function withLateImports(code) {
  const imports = /^(?:const|var) (\w+) = ((?:__import(?:Default|Star)\()?require\("[^"]+"\)\)?);$/gm;
  return [...code.matchAll(imports)].reduce((text, [line, name, load]) => {
    const uses = new RegExp(`(?<![.\\w])${name}\\b(?! =)(\\.)?`, 'g');
    // Handed on whole, it is not known what of it is used.
    if ([...text.matchAll(uses)].some(([, dot]) => dot === undefined)) return text;
    return text
      .replace(uses, () => `(${name}()).`)
      .replace(line, () => `let loaded_${name}; const ${name} = () => (loaded_${name} ??= ${load});`);
  }, code);
}
