import { jsonOf } from './json.js';
import type { KubeObject } from './objects.js';
import { badRequest, expired, invalidOptions, tooLargeVersion } from './status.js';
import { keyOf, type Storage } from './storage.js';

export interface ListOptions {
  readonly storage: Storage;
  readonly query: URLSearchParams;
  readonly selects: (object: KubeObject) => boolean;
}

/** fieldSelector, as far as every resource supports it. */
export function selection(query: URLSearchParams): (object: KubeObject) => boolean {
  const selector = query.get('fieldSelector');
  if (!selector) return () => true;
  const tests = selector.split(',').map((term) => {
    const [, field, name] = /^metadata\.(name|namespace)==?(.*)$/.exec(term) ?? [];
    if (field === undefined)
      throw badRequest(
        `Unable to find "/v1, Resource=nodes" that match label selector "", field selector "${selector}": field label not supported: ${term.split('=')[0]}`,
      );
    return (object: KubeObject) => object.metadata[field] === name;
  });
  return (object) => tests.every((test) => test(object));
}

interface Token {
  readonly version: number;
  readonly after: string;
}

/**
 * One page, in parts. With resourceVersion=0 the cache answers, which knows no pages; otherwise the store does, and a
 * continue token holds on to its moment until that is compacted away.
 */
export function listPage({ storage, query, selects }: ListOptions): Iterable<string> {
  const asked = query.get('resourceVersion') ?? '';
  const limit = Number(query.get('limit') ?? 0);
  const token = readToken(query.get('continue'));
  if (query.get('resourceVersionMatch') && asked === '') {
    throw invalidOptions(
      'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  }
  if (token && asked !== '') throw badRequest('specifying resource version is not allowed when using continue');
  if (asked !== '' && Number(asked) > storage.version) throw tooLargeVersion(Number(asked), storage.version);
  const fromCache = asked !== '' && !token;
  const version = token?.version ?? (limit > 0 && !fromCache ? storage.keepMoment() : storage.version);
  const moment = token ? storage.moment(token.version) : storage.all();
  if (moment === undefined) {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.',
      { continue: writeToken({ version: -1, after: token?.after ?? '' }) },
    );
  }
  const rest = moment.filter((object) => selects(object) && (!token || keyOf(object) > token.after));
  const page = limit > 0 && !fromCache ? rest.slice(0, limit) : rest;
  const last = page.at(-1);
  const more = last !== undefined && page.length < rest.length;
  const metadata = {
    resourceVersion: String(version),
    ...(more && {
      continue: writeToken({ version, after: keyOf(last) }),
      remainingItemCount: rest.length - page.length,
    }),
  };
  return partsOf(metadata, page);
}

function* partsOf(metadata: unknown, page: readonly KubeObject[]): Generator<string> {
  yield `{"kind":"NodeList","apiVersion":"v1","metadata":${JSON.stringify(metadata)},"items":[`;
  for (const [i, object] of page.entries()) yield `${i > 0 ? ',' : ''}${jsonOf(object)}`;
  yield ']}\n';
}

const writeToken = (token: Token): string => Buffer.from(JSON.stringify(token)).toString('base64url');

function readToken(text: string | null): Token | undefined {
  if (!text) return undefined;
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString()) as Token;
  } catch {
    throw badRequest('continue key is not valid: invalid character');
  }
}
