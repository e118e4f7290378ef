/** One file of an archive. */
export interface ArchivedFile {
  /** At most 100 bytes, with slashes. */
  readonly name: string;
  readonly content: string;
}

const BLOCK = 512;
const MODE = 0o600;
const REGULAR_FILE = '0';

/**
 * An archive that every tar(1) reads, its files readable for their owner alone.
 * @see POSIX.1-2017 pax, "ustar Interchange Format"
 */
export function ustar(files: readonly ArchivedFile[], modifiedMs: number): Uint8Array {
  const parts = files.flatMap(({ name, content }) => {
    const bytes = Buffer.from(content);
    return [header({ name, size: bytes.length, modifiedMs }), bytes, Buffer.alloc(-bytes.length & (BLOCK - 1))];
  });
  // Two empty blocks are the end.
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

interface Entry {
  readonly name: string;
  readonly size: number;
  readonly modifiedMs: number;
}

function header({ name, size, modifiedMs }: Entry): Uint8Array {
  if (Buffer.byteLength(name) > 100) throw new Error(`the name is too long for an archive: ${name}`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number): unknown =>
    block.write(value.toString(8).padStart(digits, '0'), offset, 'ascii');
  block.write(name, 0);
  octal(MODE, 100, 7);
  octal(0, 108, 7); // uid
  octal(0, 116, 7); // gid
  octal(size, 124, 11);
  octal(Math.floor(modifiedMs / 1000), 136, 11);
  block.write(REGULAR_FILE, 156, 'ascii');
  block.write('ustar\0' + '00', 257, 'ascii');
  block.fill(' ', 148, 156); // The sum is taken with its own field blank.
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  block.write('\0 ', 154, 'ascii');
  return block;
}
