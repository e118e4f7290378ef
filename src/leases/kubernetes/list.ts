import { isJsonObject } from '../../model/json.js';
import { isExpired } from './api-error.js';
import { type ApiClient, type ApiRequest, parseAnswer } from './http.js';
import type { Span } from './json-bytes.js';
import { listScanner } from './list-stream.js';

/** Items per page, as client-go asks. A server that answers from its cache sends all at once, whatever we ask. */
const PAGE_ITEMS = '500';

export interface Listing<T> {
  readonly items: readonly T[];
  /** Where a watch goes on. */
  readonly resourceVersion: string;
}

export interface ListOptions<T> {
  readonly client: ApiClient;
  readonly request: ApiRequest;
  /** `0`: whatever the server's cache holds; empty: the newest state there is. */
  readonly resourceVersion: '0' | '';
  readonly read: (bytes: Buffer, object: Span) => T;
}

/** All objects of one moment, each read as it arrives. @throws {FlanError} */
export async function list<T>(options: ListOptions<T>, signal: AbortSignal): Promise<Listing<T>> {
  try {
    return await inPages(options, signal);
  } catch (error) {
    // Between two pages the moment of the first was compacted away: all in one, which cannot expire.
    if (!isExpired(error)) throw error;
    return inOne(options, signal);
  }
}

async function inPages<T>(options: ListOptions<T>, signal: AbortSignal): Promise<Listing<T>> {
  const items: T[] = [];
  const moment = options.resourceVersion === '' ? {} : { resourceVersion: options.resourceVersion };
  for (let query: Record<string, string> = { limit: PAGE_ITEMS, ...moment }; ; ) {
    const { resourceVersion, next } = await page(options, { query, into: items, signal });
    if (next === '') return { items, resourceVersion };
    query = { limit: PAGE_ITEMS, continue: next };
  }
}

async function inOne<T>(options: ListOptions<T>, signal: AbortSignal): Promise<Listing<T>> {
  const items: T[] = [];
  const { resourceVersion } = await page(options, { query: {}, into: items, signal });
  return { items, resourceVersion };
}

interface Page<T> {
  readonly query: Readonly<Record<string, string>>;
  readonly into: T[];
  readonly signal: AbortSignal;
}

async function page<T>(
  { client, request, read }: ListOptions<T>,
  { query, into, signal }: Page<T>,
): Promise<{ readonly resourceVersion: string; readonly next: string }> {
  const asked = { ...request, query: { ...request.query, ...query } };
  const scanner = listScanner((bytes) => into.push(read(bytes, { from: 0, to: bytes.length })));
  const body = await client.open(asked, signal);
  await body.each((chunk) => parseAnswer(asked, client.server, () => scanner.push(chunk)));
  return parseAnswer(asked, client.server, () => {
    const { metadata } = scanner.end();
    const { resourceVersion, continue: next } = isJsonObject(metadata) ? metadata : {};
    if (typeof resourceVersion !== 'string' || resourceVersion === '')
      throw new SyntaxError('a list without resourceVersion');
    return { resourceVersion, next: typeof next === 'string' ? next : '' };
  });
}
