import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { FlanError } from '../errors.js';
import { type Image, mergedImages } from '../planner/inverse.js';
import type { Key } from '../planner/kind.js';

/** Changes that are about to be made, one line of JSON each. */
export interface Journal {
  /** Returns when the images are on disk: only then may anything be changed. @throws {FlanError} E_CHECKPOINT */
  write(images: readonly Image[]): void;
  /** Safe to call twice. */
  close(): void;
}

/** Opens a new journal, or goes on with one. @throws {FlanError} E_CHECKPOINT */
export function openJournal(path: string): Journal {
  const fd = attempt(path, () => openSync(path, 'a', 0o600));
  attempt(path, () => syncFolder(dirname(path)));
  let isOpen = true;
  return {
    write(images) {
      if (images.length === 0) return;
      const text = images.map((image) => `${JSON.stringify(image)}\n`).join('');
      attempt(path, () => {
        writeAll(fd, Buffer.from(text));
        fsyncSync(fd);
      });
    },
    close() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset);
}

/** The file's name lasts through a power cut only when its folder does. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * One image per key. A last line that ends early was never followed by a change, so it does not count.
 * @throws {FlanError} E_CHECKPOINT for a journal that cannot be read
 */
export function readJournal(path: string): ReadonlyMap<Key, Image> {
  if (!existsSync(path)) return new Map();
  const lines = attempt(path, () => readFileSync(path, 'utf8')).split('\n');
  lines.pop();
  return mergedImages(lines.map((line, i) => parse(line, `${path}:${i + 1}`)));
}

function parse(line: string, where: string): Image {
  try {
    const image: unknown = JSON.parse(line);
    if (typeof image === 'object' && image !== null && 'key' in image && typeof image.key === 'string') {
      return image as Image;
    }
  } catch {
    // told below
  }
  throw new FlanError('E_CHECKPOINT', 'the journal of a checkpoint is damaged', {
    where,
    hint: 'Look at what the host holds with `flan plan`; `flan apply` brings it to what the leases ask for.',
  });
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FlanError('E_CHECKPOINT', `the journal cannot be used, so nothing is changed: ${why}`, {
      where: path,
      hint: 'Make room in the runtime directory, or choose another with --runtime-dir.',
      cause,
    });
  }
}
