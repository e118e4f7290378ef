import { FlanError } from '../../errors.js';
import { errnoOf, fileError, isDenied, isFull, reasonOf, roomHint } from '../../sys/file-error.js';

/**
 * What it means for the store that a file of it cannot be written or locked: E_STORE_PERMISSION for a refusal,
 * E_STORE_REFUSED while its disk is full, which is worth another try, else E_FILE.
 */
export function writeFailure(file: string, cause: unknown): FlanError {
  const errno = errnoOf(cause);
  if (!isDenied(errno) && !isFull(errno)) return fileError({ verb: 'write', path: file, cause, hint: HINT });
  return new FlanError(
    isFull(errno) ? 'E_STORE_REFUSED' : 'E_STORE_PERMISSION',
    `cannot write ${file}: ${reasonOf(cause)}`,
    { where: file, hint: isFull(errno) ? roomHint(file) : HINT, retry: isFull(errno), cause },
  );
}

const HINT = 'Let flan write to the lease folder, or write the lease of this node into it yourself.';
