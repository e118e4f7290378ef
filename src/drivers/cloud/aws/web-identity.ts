import type { CloudEdge } from '../client.js';
import { CloudError, malformed } from '../cloud-error.js';
import type { Credentials } from '../credentials.js';
import { send } from '../http.js';
import { API, persistently } from '../retry.js';
import { parseXml, textAt, type XmlElement } from './xml.js';

export interface WebIdentity {
  /** A token that Kubernetes writes and renews. */
  readonly file: string;
  /** The ARN of the role to take. */
  readonly role: string;
  readonly region: string;
}

/** Exchanges the token of a service account for credentials. @see docs.aws.amazon.com/STS/latest/APIReference */
export async function assumeByWebIdentity(
  edge: CloudEdge,
  { file, role, region }: WebIdentity,
  signal: AbortSignal,
): Promise<Credentials> {
  const token = edge.readText(file)?.trim();
  if (!token) throw new CloudError('E_CLOUD_AUTH', `AWS_WEB_IDENTITY_TOKEN_FILE: there is no token in ${file}`);
  const url =
    edge.env.AWS_ENDPOINT_URL_STS || `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`;
  const body = new URLSearchParams({
    ...{ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: role, WebIdentityToken: token },
    RoleSessionName: edge.env.AWS_ROLE_SESSION_NAME || 'flan',
  }).toString();
  const what = 'STS AssumeRoleWithWebIdentity';
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return persistently(
    edge,
    async () => {
      const answer = await send({ what, method: 'POST', url, headers, body, timeoutMs: 10_000 }, signal);
      const root = rootOf(answer.text, what);
      if (answer.status !== 200) {
        const reason = textAt(root, 'Error', 'Code') ?? `status ${answer.status}`;
        throw new CloudError('E_CLOUD_AUTH', `${what} of ${role}: ${reason}`, { reason, retry: answer.status >= 500 });
      }
      const at = (name: string) => textAt(root, 'AssumeRoleWithWebIdentityResult', 'Credentials', name);
      const [id, secret, session] = [at('AccessKeyId'), at('SecretAccessKey'), at('SessionToken')];
      if (id === undefined || secret === undefined) throw malformed(what, 'no key in it');
      const expiresAtMs = Date.parse(at('Expiration') ?? '');
      return { id, secret, session, ...(Number.isFinite(expiresAtMs) && { expiresAtMs }) };
    },
    { ...API, signal },
  );
}

function rootOf(text: string, what: string): XmlElement {
  try {
    return parseXml(text);
  } catch {
    throw malformed(what, 'not XML'); // without what stands there: it may be a secret
  }
}
