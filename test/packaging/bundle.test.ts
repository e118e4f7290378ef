import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished } from 'vitest';

/** Plain JavaScript: the image is built without what would compile it. */
const load = (name: string) => import(new URL(`../../scripts/build/${name}.mjs`, import.meta.url).href);

const { commonJs, withPlainExports } = (await load('common-js')) as {
  commonJs(code: string): Promise<string>;
  withPlainExports(code: string): string;
};
const { withLateImports } = (await load('oclif')) as { withLateImports(code: string): string };
const { refuseCircles, refuseNamelessImports } = (await load('checks')) as {
  refuseCircles(metafile: { outputs: Record<string, { imports: { path: string; kind: string }[] }> }): void;
  refuseNamelessImports(metafile: { outputs: Record<string, { entryPoint?: string; exports: string[] }> }): void;
};
const { tidy } = (await load('output')) as {
  tidy(input: { folder: string; current: string[]; remove: 'all' | 'long replaced'; nowMs: number }): void;
};

type Exports = Record<string, unknown>;

/** Runs a CommonJS module among others, and tells which of these it has loaded. */
function run(code: string, others: Readonly<Record<string, Exports>> = {}) {
  const loaded: string[] = [];
  const module = { exports: {} as Exports };
  const require = (path: string): Exports | undefined => {
    loaded.push(path);
    return others[path];
  };
  runInNewContext(code, { module, exports: module.exports, require, __filename: '/dist/a chunk.cjs' });
  return { exports: module.exports, loaded };
}

const isGetter = (exports: Exports, name: string): boolean =>
  Object.getOwnPropertyDescriptor(exports, name)?.get !== undefined;

describe('withPlainExports', () => {
  it('makes plain properties of names that have their values', () => {
    const { exports } = run(withPlainExports('const a=1,b=2;function f(){return b}export{a,b as c,f};'));
    expect([exports.a, exports.c, (exports.f as () => number)()]).toEqual([1, 2, 2]);
    expect(['a', 'c', 'f'].filter((name) => isGetter(exports, name))).toEqual([]);
  });

  it.each(['a=2', 'a??=2', 'a||=2', 'a=1;a++', 'a=1;++a', 'a=1;a+=1'])('gives late what is given late: %s', (give) => {
    const { exports } = run(withPlainExports(`let a;function set(){${give}}export{a,set};`));
    expect(exports.a).toBeUndefined();
    (exports.set as () => void)();
    expect(exports.a).toBe(2);
  });

  it('takes comparing and arrows for no giving', () => {
    const code = 'let a,b;const f=()=>a==1||a===2,g=a=>a;export{a,f,g};';
    expect(isGetter(run(withPlainExports(code)).exports, 'a')).toBe(false);
  });

  it('understands names with $', () => {
    const { exports } = run(withPlainExports('let $,a$b;function set(){$=1;a$b=2}export{$,a$b as $b,set};'));
    (exports.set as () => void)();
    expect([exports.$, exports.$b]).toEqual([1, 2]);
  });

  it('understands a default export, and names that are no identifiers', () => {
    const { exports } = run(
      withPlainExports('let late;var d=1;function set(){late=2}export{d as default,d as "a-b",late as "c-d",set};'),
    );
    (exports.set as () => void)();
    expect([exports.default, exports['a-b'], exports['c-d']]).toEqual([1, 1, 2]);
  });

  it('turns import() into a require of the sibling when it is called', async () => {
    const { exports, loaded } = run(withPlainExports('const go=()=>import("./x-ABC.cjs");export{go};'), {
      './x-ABC.cjs': { x: 1 },
    });
    expect(loaded).toEqual([]);
    expect(await (exports.go as () => Promise<unknown>)()).toEqual({ x: 1 });
    expect(loaded).toEqual(['./x-ABC.cjs']);
  });
});

it('a chunk becomes CommonJS that imports, exports and knows its own path', async () => {
  const code = await commonJs('import{x}from"./x.cjs";const y=x+1,url=import.meta.url;export{y,url};');
  const { exports } = run(code, {
    './x.cjs': { x: 1 },
    'node:url': { pathToFileURL: (path: string) => new URL(`file://${path}`) },
  });
  expect([exports.y, exports.url]).toEqual([2, 'file:///dist/a%20chunk.cjs']);
});

describe('withLateImports', () => {
  it('loads at the first use, and once', () => {
    const code = 'const a_1 = require("./a");\nmodule.exports.f = () => a_1.one + a_1.two;\n';
    const { exports, loaded } = run(withLateImports(code), { './a': { one: 1, two: 2 } });
    expect(loaded).toEqual([]);
    const f = exports.f as () => number;
    expect([f(), f(), loaded]).toEqual([3, 3, ['./a']]);
  });

  it('knows the helpers of TypeScript, and other names that end or begin alike', () => {
    const code = [
      'var __importDefault = (mod) => ({ default: mod });',
      'const a_1 = __importDefault(require("./a"));',
      'const a_10 = { one: 10 }, own = {};',
      'own.a_1 = { one: 20 };',
      'module.exports.f = () => [(0, a_1.default)(), a_10.one, own.a_1.one];\n',
    ].join('\n');
    const { exports, loaded } = run(withLateImports(code), { './a': (() => 1) as unknown as Exports });
    expect(loaded).toEqual([]);
    expect((exports.f as () => number[])()).toEqual([1, 10, 20]);
  });

  it('leaves alone what is handed on whole', () => {
    const code = 'const a_1 = require("./a");\nmodule.exports.all = a_1;\n';
    expect(withLateImports(code)).toBe(code);
  });
});

describe('a build is refused', () => {
  it('with a lazily imported package that would come without its names', () => {
    const outputOf = (exports: string[]) => ({
      outputs: { 'x.js': { entryPoint: 'node_modules/x/index.js', exports } },
    });
    expect(() => refuseNamelessImports(outputOf(['default']))).toThrow('node_modules/x/index.js');
    refuseNamelessImports(outputOf(['default', 'x']));
  });

  it('with chunks that import each other, unless they do so late', () => {
    const outputsOf = (kind: string) => ({
      outputs: {
        a: { imports: [{ path: 'b', kind: 'import-statement' }] },
        b: { imports: [{ path: 'a', kind }] },
      },
    });
    expect(() => refuseCircles(outputsOf('import-statement'))).toThrow('a, b, a');
    refuseCircles(outputsOf('dynamic-import'));
  });
});

describe('tidy', () => {
  const HOUR_MS = 3_600_000;

  /** A folder of chunks that were made a day ago. */
  function dist(...names: readonly string[]) {
    const folder = mkdtempSync(join(tmpdir(), 'flan-dist-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const nowMs = Date.now();
    const yesterday = new Date(nowMs - 24 * HOUR_MS);
    for (const name of names) {
      writeFileSync(join(folder, name), '');
      utimesSync(join(folder, name), yesterday, yesterday);
    }
    const chunks = () => readdirSync(folder).filter((name) => /js$/.test(name));
    const build = (current: string[], afterMs: number, remove: 'all' | 'long replaced' = 'long replaced') => {
      tidy({ folder, current, remove, nowMs: nowMs + afterMs });
      return chunks();
    };
    return { folder, build };
  }

  it('leaves a chunk for an hour after the build that replaced it, however old it is', () => {
    const { build } = dist('cli.cjs', 'a-1.cjs', 'a-2.cjs');
    expect(build(['cli.cjs', 'a-2.cjs'], 0)).toEqual(['a-1.cjs', 'a-2.cjs', 'cli.cjs']);
    expect(build(['cli.cjs', 'a-2.cjs'], HOUR_MS / 2)).toContain('a-1.cjs');
    expect(build(['cli.cjs', 'a-2.cjs'], HOUR_MS + 1)).toEqual(['a-2.cjs', 'cli.cjs']);
  });

  it('counts anew when a chunk was in use again', () => {
    const { build } = dist('cli.cjs', 'a-1.cjs');
    build(['cli.cjs'], 0);
    build(['cli.cjs', 'a-1.cjs'], HOUR_MS / 2);
    expect(build(['cli.cjs'], 2 * HOUR_MS)).toContain('a-1.cjs');
  });

  it('hands out nothing of former builds, and no record of them', () => {
    const { folder, build } = dist('cli.cjs', 'a-1.cjs', 'tunnel.worker.cjs');
    mkdirSync(join(folder, 'man'));
    build(['cli.cjs'], 0);
    expect(build(['cli.cjs'], 1, 'all')).toEqual(['cli.cjs', 'tunnel.worker.cjs']);
    expect(readdirSync(folder)).toEqual(['cli.cjs', 'man', 'tunnel.worker.cjs']);
  });
});
