import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { fileError } from '../../src/sys/file-error.js';

const failure = (code: keyof typeof constants.errno, name = '/a/.x.tmp') =>
  Object.assign(new Error(`${code}: in words, open '${name}'`), { code, errno: -constants.errno[code] });
const told = (cause: unknown) => fileError({ verb: 'write', path: '/a/x', cause, hint: 'Elsewhere.' });

test.each([
  ['EACCES', 'E_PERMISSION', 'permission denied', 'Elsewhere.'],
  ['EPERM', 'E_PERMISSION', 'operation not permitted', 'Elsewhere.'],
  ['EROFS', 'E_PERMISSION', 'read-only file system', expect.stringMatching(/mounted read-only/)],
  ['ENOSPC', 'E_FILE', 'no space left on device', 'Make room on the file system of /a.'],
  ['EDQUOT', 'E_FILE', undefined, 'Make room on the file system of /a.'],
  ['ENOENT', 'E_FILE', 'no such file or directory', 'Elsewhere.'],
  ['ENOTDIR', 'E_FILE', 'not a directory', 'Elsewhere.'],
  ['EEXIST', 'E_FILE', 'file already exists', 'Elsewhere.'],
] as const)('%s is %s', (errno, code, words, hint) => {
  const message = words === undefined ? expect.stringContaining(errno) : `cannot write /a/x: ${words} (${errno})`;
  expect(told(failure(errno))).toMatchObject({ code, message, hint, where: '/a/x' });
});

test('what is told already stays, unless a failure of the system is behind it', () => {
  const known = new FlanError('E_FILE', 'it is a FIFO');
  expect(told(known)).toBe(known);
  const lock = new FlanError('E_LOCK', 'cannot open the lock file', { cause: failure('EACCES') });
  expect(told(lock)).toMatchObject({ code: 'E_PERMISSION', message: 'cannot write /a/x: permission denied (EACCES)' });
});
