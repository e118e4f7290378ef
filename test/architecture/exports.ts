import { posix } from 'node:path';

/** Source texts by path. */
export type Sources = ReadonlyMap<string, string>;

export interface DeadExportsInput {
  /** Whose exports are judged. */
  readonly judged: Sources;
  /** Whose uses count besides. */
  readonly users: Sources;
  /** Files that others than these start from: all that they export is used. */
  readonly isEntry: (path: string) => boolean;
}

/**
 * Exported names that no other file uses and the own one does not either, as `path name`. A file uses a name of another
 * one when it imports that file, in whatever form, and says the name.
 */
export function deadExports({ judged, users, isEntry }: DeadExportsInput): readonly string[] {
  const all = [...new Map([...users, ...judged])].map(([path, text]) => readModule(path, text));
  const importersOf = new Map<string, Module[]>();
  for (const one of all) {
    for (const to of one.imports) importersOf.set(to, [...(importersOf.get(to) ?? []), one]);
  }
  const isUsed = (path: string, name: string): boolean =>
    isEntry(path) ||
    (importersOf.get(path) ?? []).some(
      (one) => one.words.has(name) || (one.passesOn.includes(path) && isUsed(one.path, name)),
    );
  return all.flatMap(({ path, exports }) =>
    judged.has(path) ? exports.filter((name) => !isUsed(path, name)).map((name) => `${path} ${name}`) : [],
  );
}

interface Module {
  readonly path: string;
  /** Paths of files, whether they exist or not. */
  readonly imports: ReadonlySet<string>;
  /** Of `imports`, those whose names all go on to whoever imports this one. */
  readonly passesOn: readonly string[];
  /** Names that are exported, and that the own file does not use elsewhere. */
  readonly exports: readonly string[];
  readonly words: ReadonlySet<string>;
}

const DECLARED =
  /^export (?:declare )?(?:abstract )?(?:const|let|async function\*?|function\*?|class|interface|type) ([\w$]+)/gm;
const DECLARED_TOGETHER = /^export const \{([^}]*)\}/gm;
const LISTED = /^export (?:type )?\{([^}]*)\}/gm;

function readModule(path: string, whole: string): Module {
  const text = withoutComments(whole);
  const fileOf = (to = ''): string => posix.join(posix.dirname(path), to).replace(/\.js$/, '.ts');
  const matched = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, first = '']) => first);
  const words = text.match(/[\w$]+/g) ?? [];
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const declared = [...matched(DECLARED), ...matched(DECLARED_TOGETHER).flatMap((list) => list.split(','))]
    .map((name) => name.replace(/.*:/, '').trim())
    .filter((name) => name !== '' && (counts.get(name) ?? 0) < 2);
  // What is passed on by name is not used by that.
  const listed = matched(LISTED).flatMap((list) => list.split(',').map((entry) => entry.split(' as ').at(-1) ?? ''));
  return {
    path,
    imports: new Set(matched(/(?:\bfrom|\bimport\(|^import)\s*'(\.[^']+)'/gm).map(fileOf)),
    passesOn: matched(/^export \* from '(\.[^']+)'/gm).map(fileOf),
    exports: [...declared, ...listed.map((name) => name.trim().replace(/^type /, '')).filter((name) => name !== '')],
    words: new Set(words),
  };
}

/** Good enough for what biome has formatted; a string that looks like a comment only makes a name look less used. */
const withoutComments = (text: string): string =>
  text.replace(/^\s*\/\*\*?[\s\S]*?\*\//gm, '').replace(/(^|\s)\/\/ .*$/gm, '$1');
