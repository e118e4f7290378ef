import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeFileAtomic } from '../../src/sys/atomic-file.js';
import { removePlacedFile, writeOutput, writePlacedFile } from '../../src/sys/placed-file.js';
import { readRegularFile } from '../../src/sys/regular-file.js';
import { kernelTest } from '../support/kernel.js';

let dir: string;
const at = (name: string) => join(dir, name);
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-placed-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const refused = (what: string) =>
  expect.objectContaining({ code: 'E_FILE', message: expect.stringContaining(what), hint: expect.any(String) });
const fifo = (name: string): string => {
  execFileSync('mkfifo', [at(name)]);
  return at(name);
};

describe('a symbolic link', () => {
  test('stays, and what it leads to is replaced and removed, through as many as there are', () => {
    mkdirSync(at('far'));
    writeFileSync(at('far/file'), 'old');
    symlinkSync('far', at('folder'));
    symlinkSync('folder/file', at('second'));
    symlinkSync(at('second'), at('first'));
    const { ino } = statSync(at('far/file'));
    writePlacedFile(at('first'), 'new', 0o640);
    expect(readFileSync(at('far/file'), 'utf8')).toBe('new');
    expect(statSync(at('far/file'))).toMatchObject({ mode: 0o100640 });
    expect(statSync(at('far/file')).ino).not.toBe(ino);
    expect([readlinkSync(at('first')), readlinkSync(at('second'))]).toEqual([at('second'), 'folder/file']);
    removePlacedFile(at('first'));
    expect([readdirSync(at('far')), readlinkSync(at('second'))]).toEqual([[], 'folder/file']);
    removePlacedFile(at('first'));
  });

  test('that leads to nothing yet is written through, where there is a folder for it', () => {
    mkdirSync(at('far'));
    symlinkSync('far/later', at('link'));
    writePlacedFile(at('link'), 'new', 0o600);
    expect([readFileSync(at('far/later'), 'utf8'), readlinkSync(at('link'))]).toEqual(['new', 'far/later']);
    symlinkSync('nowhere/later', at('lost'));
    expect(() => writePlacedFile(at('lost'), 'new', 0o600)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    symlinkSync('round', at('round'));
    expect(() => writePlacedFile(at('round'), 'new', 0o600)).toThrow(expect.objectContaining({ code: 'ELOOP' }));
  });

  test('to nothing is not followed where everybody may put one', () => {
    mkdirSync(at('shared'));
    chmodSync(at('shared'), 0o1777);
    symlinkSync(at('later'), at('shared/link'));
    expect(() => writePlacedFile(at('shared/link'), 'new', 0o600)).toThrow(
      expect.objectContaining({ code: 'E_PERMISSION' }),
    );
    expect(readdirSync(dir)).toEqual(['shared']);
  });

  test('in the place of a file of flan’s own is replaced', () => {
    writeFileSync(at('theirs'), 'theirs');
    symlinkSync('theirs', at('ours'));
    writeFileAtomic(at('ours'), 'ours', 0o600);
    expect([readFileSync(at('theirs'), 'utf8'), lstatSync(at('ours')).isFile()]).toEqual(['theirs', true]);
  });
});

describe('what is no regular file', () => {
  test('is neither replaced nor removed nor read', () => {
    const pipe = fifo('pipe');
    symlinkSync('pipe', at('link'));
    mkdirSync(at('folder'));
    for (const path of [pipe, at('link')]) {
      expect(() => writePlacedFile(path, 'x', 0o600)).toThrow(refused(`cannot write ${path}: it is a FIFO`));
      expect(() => removePlacedFile(path)).toThrow(refused('it is a FIFO'));
      expect(() => readRegularFile(path)).toThrow(refused('it is a FIFO'));
    }
    expect(() => writeFileAtomic(pipe, 'x', 0o600)).toThrow(refused('it is a FIFO'));
    expect(() => writePlacedFile(at('folder'), 'x', 0o600)).toThrow(refused('it is a directory'));
    expect(() => removePlacedFile(at('folder'))).toThrow(refused('it is a directory'));
    expect(() => writeOutput(at('folder'), 'x', 0o600)).toThrow(refused('it is a directory'));
    expect([lstatSync(pipe).isFIFO(), lstatSync(at('link')).isSymbolicLink()]).toEqual([true, true]);
    expect(readdirSync(dir).sort()).toEqual(['folder', 'link', 'pipe']);
  });

  test('takes an output when it is a FIFO, all of it; one that nobody reads is an error at once', async () => {
    const pipe = fifo('pipe');
    expect(() => writeOutput(pipe, 'x', 0o600)).toThrow(refused('nobody reads from it'));
    const reader = spawn('sh', ['-c', 'exec 3<>"$0"; echo ready; head -c 300001 <&3 > "$0.copy"', pipe]);
    await once(reader.stdout, 'data');
    writeOutput(pipe, 'x'.repeat(300_001), 0o600);
    await once(reader, 'close');
    expect(readFileSync(`${pipe}.copy`, 'utf8')).toBe('x'.repeat(300_001));
    expect(lstatSync(pipe).isFIFO()).toBe(true);
  });

  kernelTest('takes an output when it is a character device, and is no place for a file; a disk takes none', {}, () => {
    execFileSync('mknod', [at('null'), 'c', '1', '3']);
    execFileSync('mknod', [at('full'), 'c', '1', '7']);
    // A number that no driver has: nothing could be written if it were opened.
    execFileSync('mknod', [at('disk'), 'b', '240', '0']);
    symlinkSync('null', at('link'));
    for (const path of [at('null'), at('link')]) {
      writeOutput(path, 'x', 0o600);
      expect(() => writePlacedFile(path, 'x', 0o600)).toThrow(refused('it is a device'));
      expect(() => removePlacedFile(path)).toThrow(refused('it is a device'));
    }
    expect(() => writeOutput(at('full'), 'x', 0o600)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
    expect(() => writeOutput(at('disk'), 'x', 0o600)).toThrow(refused('it is a device'));
    expect(lstatSync(at('null')).isCharacterDevice()).toBe(true);
    expect(readdirSync(dir).sort()).toEqual(['disk', 'full', 'link', 'null']);
  });
});
