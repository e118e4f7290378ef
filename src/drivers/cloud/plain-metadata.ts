import type { CloudEdge } from './client.js';
import { CloudError, isPassing } from './cloud-error.js';
import { type HttpAnswer, send } from './http.js';
import { METADATA, persistently } from './retry.js';

export interface PlainMetadataInit {
  readonly edge: CloudEdge;
  /** For people: `Tencent metadata`. */
  readonly what: string;
  /** Up to `/latest`. */
  readonly base: string;
  /** Where the service knows tokens: the headers that ask for one, and that carry it. */
  readonly tokens?: { readonly lifetime: string; readonly carried: string; readonly isRequired: boolean };
}

/** A value below `/latest/meta-data/`; undefined where there is none. @throws {FlanError} E_CLOUD_UNREACHABLE */
export type PlainMetadata = (path: string, signal: AbortSignal) => Promise<string | undefined>;

const TIMEOUT_MS = 1500;
const TOKEN_SECONDS = '21600';

/** The metadata services of Alibaba and Tencent, which are like EC2's. */
export function plainMetadata({ edge, what, base, tokens }: PlainMetadataInit): PlainMetadata {
  const root = base.replace(/\/$/, '');
  let token: string | undefined;

  const newToken = async (signal: AbortSignal): Promise<string> => {
    if (tokens === undefined) return '';
    const headers = { [tokens.lifetime]: TOKEN_SECONDS };
    const url = `${root}/latest/api/token`;
    const asked = await send({ what, method: 'PUT', url, headers, timeoutMs: TIMEOUT_MS }, signal);
    if (asked.status === 200) return asked.text.trim();
    if (!tokens.isRequired && asked.status < 500) return '';
    throw new CloudError('E_CLOUD_UNREACHABLE', `${what}: no token: status ${asked.status}`, {
      retry: asked.status >= 500,
    });
  };
  const ask = async (path: string, signal: AbortSignal): Promise<HttpAnswer> => {
    token ??= await newToken(signal);
    const headers = tokens === undefined || token === '' ? {} : { [tokens.carried]: token };
    return send(
      { what, method: 'GET', url: `${root}/latest/meta-data/${path}`, headers, timeoutMs: TIMEOUT_MS },
      signal,
    );
  };

  return (path, signal) =>
    persistently(
      edge,
      async () => {
        let answer = await ask(path, signal);
        if ((answer.status === 401 || answer.status === 403) && token !== '') {
          token = undefined; // it has ended
          answer = await ask(path, signal);
        }
        if (answer.status === 200) return answer.text.trim();
        if (answer.status === 404) return undefined;
        throw new CloudError('E_CLOUD_UNREACHABLE', `${what} ${path}: status ${answer.status}`, {
          retry: isPassing(answer.status),
        });
      },
      { ...METADATA, signal },
    );
}

/** What cannot be done without. @throws {FlanError} E_CLOUD_UNREACHABLE */
export async function required(metadata: PlainMetadata, path: string, signal: AbortSignal): Promise<string> {
  const value = await metadata(path, signal);
  if (value) return value;
  throw new CloudError('E_CLOUD_UNREACHABLE', `the metadata service does not say ${path}`, {
    hint: 'Check that this host is an instance in a virtual network.',
  });
}
