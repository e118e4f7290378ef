import { describe, expect, it } from 'vitest';
import { cycleIn, type Import, importsIn, importsOfSources } from './modules.js';

const imports = importsOfSources();

/** What each folder may import of src/ besides itself. All may import errors.ts; `commands` sees everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  planner: ['model'],
  kinds: ['planner', 'model', 'netlink/wire'],
  backends: ['kinds', 'planner', 'model'],
  traffic: ['kinds', 'planner', 'model'],
  doctor: ['traffic', 'kinds', 'planner', 'model'],
  report: ['kinds', 'planner', 'model', 'version.ts', 'exit-codes.ts'],
  schemas: ['model'],
  'netlink/wire': ['model'],
  sys: ['model'],
  netlink: ['netlink/wire', 'sys', 'model'],
  config: ['model'],
  host: ['netlink', 'netlink/wire', 'sys', 'model', 'config'],
  leases: ['sys', 'model', 'leases/file', 'leases/etcd', 'leases/kubernetes'],
  'leases/file': ['leases', 'sys', 'model'],
  'leases/etcd': ['leases', 'sys', 'model'],
  'leases/kubernetes': ['leases', 'sys', 'model'],
  drivers: ['dataplane', 'kinds', 'planner', 'model', 'netlink', 'netlink/wire', 'sys', 'version.ts'],
  dataplane: ['netlink', 'netlink/wire', 'sys', 'model'],
  telemetry: ['report', 'model', 'sys', 'version.ts'],
  reconcile: [
    'version.ts',
    'backends',
    'config',
    'drivers',
    'host',
    'kinds',
    'leases',
    'model',
    'planner',
    'report',
    'sys',
    'telemetry',
    'traffic',
  ],
};

/** Decide, and touch nothing: of Node they may use only what computes. */
const PURE = ['model', 'planner', 'kinds', 'backends', 'traffic', 'doctor', 'report', 'netlink/wire'];
const COMPUTES = ['node:util', 'node:crypto', 'node:net'];

/** Packages, and the only folders that may name them. A type costs nothing and is free. */
const ONLY_IN: Readonly<Record<string, readonly string[]>> = {
  koffi: ['sys'],
  '@grpc/grpc-js': ['leases/etcd'],
  '@kubernetes/client-node': ['leases/kubernetes'],
  '@oclif/core': ['commands', 'cli.ts'],
  chalk: ['commands', 'report'],
  diff: ['report'],
  yaml: ['config', 'leases', 'leases/file', 'leases/kubernetes', 'report', 'commands'],
  'prom-client': ['telemetry'],
  pino: ['telemetry'],
};

/** What a command must not pay for before it runs: it loads these by `import()` when it needs them. */
const HEAVY = ['yaml', 'koffi', '@grpc/grpc-js', '@kubernetes/client-node', 'diff', 'prom-client', 'pino'];

function folderOf(file: string): string {
  const [first = '', second = ''] = file.split('/');
  const nested = `${first}/${second}`;
  return nested in MAY_IMPORT && file.split('/').length > 2 ? nested : first;
}

const isFile = (to: string) => to.endsWith('.ts');
const isPackage = ({ to }: Import) => !isFile(to) && !to.startsWith('node:') && !to.startsWith('.');
const packageOf = (to: string) =>
  to
    .split('/')
    .slice(0, to.startsWith('@') ? 2 : 1)
    .join('/');
const told = ({ from, to, form }: Import) => `${from} imports ${to} (${form})`;

describe('imports', () => {
  it('are found in every form', () => {
    const text = [
      "import { a,\n  type B } from './a.js';",
      "import type { C } from './c.js';",
      "import * as d from './d.js';",
      "export { e } from './e.js';",
      "export * from './f.js';",
      "import './g.js';",
      "const h = await import('./h.js');",
      "// import x from './no.js'",
      'const i = "import x from \'./no.js\'";',
      "export const j = 'no';",
    ].join('\n');
    expect(importsIn(text).map(({ to, form }) => `${form} ${to}`)).toEqual([
      'static ./a.js',
      'type ./c.js',
      'static ./d.js',
      'static ./e.js',
      'static ./f.js',
      'static ./g.js',
      'dynamic ./h.js',
    ]);
    expect(imports.length).toBeGreaterThan(100);
  });

  it('follow the layers', () => {
    const wrong = imports.filter(({ from, to, form }) => {
      const [own, other] = [folderOf(from), folderOf(to)];
      // A report prints what others made, and telemetry counts it: their types, never their code.
      if ((own === 'report' || own === 'telemetry') && form === 'type') return false;
      if (!isFile(to) || own === other || to === 'errors.ts' || own === 'commands' || own.endsWith('.ts')) return false;
      return !MAY_IMPORT[own]?.includes(other);
    });
    expect(wrong.map(told)).toEqual([]);
  });

  it('know every folder', () => {
    const folders = new Set(imports.map(({ from }) => folderOf(from)).filter((name) => !name.endsWith('.ts')));
    expect([...folders].filter((name) => name !== 'commands' && !(name in MAY_IMPORT))).toEqual([]);
  });

  it('bring no effect into what decides', () => {
    const wrong = imports.filter(
      ({ from, to, form }) =>
        PURE.includes(folderOf(from)) && form !== 'type' && to.startsWith('node:') && !COMPUTES.includes(to),
    );
    expect(wrong.map(told)).toEqual([]);
  });

  it('name no concrete kind in the planner', () => {
    expect(imports.filter(({ from, to }) => from.startsWith('planner/') && to.startsWith('kinds/')).map(told)).toEqual(
      [],
    );
  });

  it('keep each package where it belongs', () => {
    const wrong = imports.filter(
      (i) => isPackage(i) && i.form !== 'type' && !ONLY_IN[packageOf(i.to)]?.includes(folderOf(i.from)),
    );
    expect(wrong.map(told)).toEqual([]);
  });

  it('run in no circle', () => {
    expect(
      cycleIn([
        { from: 'a', to: 'b' },
        { from: 'b', to: 'c' },
        { from: 'c', to: 'b' },
      ]),
    ).toEqual(['b', 'c', 'b']);
    expect(cycleIn(imports.filter(({ form }) => form === 'static'))).toBeUndefined();
  });

  it('let no command load what is heavy before it runs', () => {
    const statics = imports.filter(({ form }) => form === 'static');
    const commands = imports.filter(({ from }) => from === 'commands/index.ts').map(({ to }) => to);
    const reached = new Set(['cli.ts', ...commands]);
    for (const file of reached) {
      for (const { from, to } of statics) if (from === file) reached.add(to);
    }
    expect(reached).toContain('commands/version.ts');
    expect([...reached].filter((to) => !isFile(to) && HEAVY.includes(packageOf(to)))).toEqual([]);
    // The engine: a command imports it inside run(). Reading our own capabilities and leaving are one small file each.
    const engine =
      /^(drivers|netlink|sys(?!\/(caps|leave)\.ts$)|leases|host|reconcile|traffic|backends|telemetry|dataplane)\//;
    expect([...reached].filter((to) => engine.test(to))).toEqual([]);
  });
});
