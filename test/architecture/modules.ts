import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

export interface Import {
  /** The importing file, relative to src/. */
  readonly from: string;
  /** A file relative to src/, or the specifier of a package or built-in module. */
  readonly to: string;
  readonly form: 'static' | 'type' | 'dynamic';
}

/** Every import of every file in src/, in the order of the files. */
export function importsOfSources(): readonly Import[] {
  const files = (readdirSync(SRC, { recursive: true }) as string[]).filter((name) => name.endsWith('.ts')).sort();
  return files.flatMap((from) =>
    importsIn(readFileSync(`${SRC}${from}`, 'utf8')).map((i) => ({ ...i, from, to: target(from, i.to) })),
  );
}

/** The imports that a source text states. Comments and strings that look like statements start no line of code. */
export function importsIn(text: string): readonly Omit<Import, 'from'>[] {
  const statements = text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[\w$*{][^'"`;]*?\sfrom\s+)?'([^']+)'/gm);
  const calls = text.matchAll(/\bimport\(\s*'([^']+)'\s*[,)]/g);
  return [
    ...[...statements].map(([, type, to = '']) => ({
      to,
      form: type === undefined ? ('static' as const) : ('type' as const),
    })),
    ...[...calls].map(([, to = '']) => ({ to, form: 'dynamic' as const })),
  ];
}

const target = (from: string, to: string): string =>
  to.startsWith('.') ? posix.join(posix.dirname(from), to).replace(/\.js$/, '.ts') : to;

/** The first cycle among static imports, as the files on it; undefined when there is none. */
export function cycleIn(imports: readonly Pick<Import, 'from' | 'to'>[]): readonly string[] | undefined {
  const edges = new Map<string, string[]>();
  for (const { from, to } of imports) edges.set(from, [...(edges.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file];
    if (done.has(file)) return undefined;
    for (const next of edges.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of edges.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
