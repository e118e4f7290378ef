import type { CloudEdge } from '../client.js';
import { CloudError, isPassing, malformed } from '../cloud-error.js';
import { type CredentialSource, remembered } from '../credentials.js';
import { send } from '../http.js';
import { parseObject, textOf } from '../json.js';
import { API, persistently } from '../retry.js';
import { signJwt } from './jwt.js';
import type { GceMetadata } from './metadata.js';

export interface GoogleToken {
  readonly bearer: string;
  readonly expiresAtMs: number;
}

const SCOPE = 'https://www.googleapis.com/auth/compute';
const TOKEN_URI = 'https://oauth2.googleapis.com/token';
const HOUR_SECONDS = 3600;

/** Application Default Credentials: a file that is named, gcloud's file, the VM's service account. @see google.aip.dev/auth/4110 */
export function googleCredentials(edge: CloudEdge, metadata: GceMetadata): CredentialSource<GoogleToken> {
  return remembered(edge, async (signal) => {
    const { GOOGLE_APPLICATION_CREDENTIALS: named, CLOUDSDK_CONFIG: folder } = edge.env;
    const gcloud = folder || (edge.home && `${edge.home}/.config/gcloud`);
    const wellKnown = gcloud && `${gcloud}/application_default_credentials.json`;
    const path = named || wellKnown;
    const text = path === undefined ? undefined : edge.readText(path);
    if (path !== undefined && text !== undefined) return fromFile(edge, { path, text }, signal);
    if (named) {
      throw new CloudError('E_CLOUD_AUTH', `GOOGLE_APPLICATION_CREDENTIALS: there is no ${named}`, {
        hint: 'Correct the path, or unset the variable to use the service account of the VM.',
      });
    }
    const answer = await metadata('instance/service-accounts/default/token', signal);
    return decodeToken(edge, answer, 'token of the service account');
  });
}

interface KeyFile {
  readonly path: string;
  readonly text: string;
}

async function fromFile(edge: CloudEdge, { path, text }: KeyFile, signal: AbortSignal): Promise<GoogleToken> {
  const file = parseObject(text, path);
  const uri = textOf(file, 'token_uri') ?? TOKEN_URI;
  const form = formOf({ edge, path, file, uri });
  const what = `token for ${path}`;
  return persistently(
    edge,
    async () => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const body = new URLSearchParams(form).toString();
      const answer = await send({ what, method: 'POST', url: uri, headers, body, timeoutMs: 10_000 }, signal);
      if (answer.status === 200) return decodeToken(edge, answer.text, what);
      throw new CloudError('E_CLOUD_AUTH', `${what}: status ${answer.status}`, {
        retry: isPassing(answer.status),
        hint: 'Check that the key is still valid, and the clock of this host.',
      });
    },
    { ...API, signal },
  );
}

interface FormInput {
  readonly edge: CloudEdge;
  readonly path: string;
  readonly file: ReturnType<typeof parseObject>;
  readonly uri: string;
}

function formOf({ edge, path, file, uri }: FormInput): Readonly<Record<string, string>> {
  const at = (name: string): string => {
    const value = textOf(file, name);
    if (value === undefined) throw new CloudError('E_CLOUD_AUTH', `${path} has no ${name}`);
    return value;
  };
  switch (file.type) {
    case 'service_account': {
      const issuedAt = Math.floor(edge.wallMs() / 1000);
      const claims = { iss: at('client_email'), scope: SCOPE, aud: uri, iat: issuedAt, exp: issuedAt + HOUR_SECONDS };
      const keyId = textOf(file, 'private_key_id');
      const assertion = signJwt({ claims, privateKey: at('private_key'), ...(keyId !== undefined && { keyId }) });
      return { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
    }
    case 'authorized_user':
      return {
        ...{ grant_type: 'refresh_token', client_id: at('client_id'), client_secret: at('client_secret') },
        refresh_token: at('refresh_token'),
      };
    default:
      throw new CloudError(
        'E_CLOUD_AUTH',
        `${path} is of a type that flan does not follow: ${textOf(file, 'type') ?? 'none'}`,
        {
          hint: 'Use a service account of the VM, or the key of one.',
        },
      );
  }
}

/** @throws {FlanError} E_CLOUD_PROTOCOL */
function decodeToken(edge: Pick<CloudEdge, 'wallMs'>, text: string, what: string): GoogleToken {
  const { access_token: bearer, expires_in: seconds } = parseObject(text, what);
  if (typeof bearer !== 'string' || !/^[\x21-\x7e]+$/.test(bearer)) throw malformed(what, 'no access_token in it');
  return { bearer, expiresAtMs: edge.wallMs() + (typeof seconds === 'number' ? seconds : 0) * 1000 };
}
