import { malformed } from './cloud-error.js';

/** Pages of a cloud hold fifty things and more: who has more pages than this turns in a circle. */
const MOST = 1000;

/**
 * Reads page after page: `read` gets what the page before said of the next one, and answers undefined after the last.
 * @throws {FlanError} E_CLOUD_PROTOCOL when there is no end to them
 */
export async function allPages(
  what: string,
  read: (token: string | undefined) => Promise<string | undefined>,
): Promise<void> {
  const seen = new Set<string>();
  let token = await read(undefined);
  while (token !== undefined) {
    if (seen.has(token) || seen.size === MOST) throw malformed(what, 'its pages have no end');
    seen.add(token);
    token = await read(token);
  }
}
