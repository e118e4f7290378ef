import { transform } from 'esbuild';

/** A chunk of ES modules as CommonJS. */
export async function commonJs(code) {
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

/**
 * esbuild itself would export each name through two getters, as one may be given its value later, and copy them once
 * more for `import()`. Nearly all have their values when the chunk has run: these are plain properties here, which are
 * made in a fraction of the time and are quicker at each use.
 */
export function withPlainExports(code) {
  const lazy = code.replace(/\bimport\(("\.\/[^"]+")\)/g, 'Promise.resolve().then(()=>require($1))');
  const own = lazy.replace(/^(?:import[^;]*;)+/, '');
  return lazy.replace(/\bexport\{([^}]*)\};?\s*$/, (_, list) => {
    const members = list.split(',').map((entry) => {
      const [local, name = local] = entry.split(' as ');
      return isLate(own, local) ? `get ${name}(){return ${local}}` : `${name}:${local}`;
    });
    return `module.exports={${members}};`;
  });
}

/** Whether a name is declared without a value and given one elsewhere, or at least it looks so. */
function isLate(code, local) {
  const name = local.replaceAll('$', '\\$');
  const isDeclaredBare = new RegExp(`(?:var |let |,)${name}[,;]`).test(code);
  const assigns = '(?:\\*\\*|<<|>>>?|&&|\\|\\||\\?\\?|[-+*/%&|^])?=(?![=>])';
  const isGiven = new RegExp(`(?<!(?:var|let|const) |[\\w$.])${name}(?:${assigns}|\\+\\+|--)`);
  return isDeclaredBare && (isGiven.test(code) || new RegExp(`(?:\\+\\+|--)${name}(?![\\w$.[])`).test(code));
}
