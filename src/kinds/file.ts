import { type Key, type Kind, keyOf } from '../planner/kind.js';

/** A small text file that flan writes whole. */
export interface TextFile {
  readonly kind: 'file';
  /** Absolute. */
  readonly path: string;
  readonly content: string;
  /** Permission bits, e.g. 0o644. */
  readonly mode: number;
}

export const fileKey = (path: string): Key => keyOf('file', path.replace(/^\/+/, ''));

/** A file is ours by its path: the settings say so. It comes last: whoever waits for subnet.env finds the network up. */
export const fileKind: Kind<TextFile> = {
  kind: 'file',
  rank: 90,
  readByName: true,
  isRecord: true, // subnet.env names the network that our routes lie in
  key: ({ path }) => fileKey(path),
  fields: ['content', 'mode'],
  inPlace: ['content', 'mode'],
  needs: () => [],
  owns: () => true,
  describe: ({ content }) => {
    // A last line counts without a newline, too.
    const lines = content.replace(/\n$/, '').split('\n').length;
    return content === '' ? 'empty' : lines === 1 ? '1 line' : `${lines} lines`;
  },
};
