import type { CloudEdge } from '../client.js';
import { CloudError, isPassing, malformed } from '../cloud-error.js';
import { type CredentialSource, type Credentials, type InstanceRole, ofRole, remembered } from '../credentials.js';
import { send } from '../http.js';
import { parseIni } from '../ini.js';
import { parseObject, textOf } from '../json.js';
import { METADATA, persistently } from '../retry.js';
import type { AwsMetadata } from './metadata.js';
import { assumeByWebIdentity } from './web-identity.js';

/**
 * Where the SDKs look, in their order: environment, files of a profile, token of a web identity (EKS service accounts),
 * container (ECS, EKS pod identity), role of the instance.
 * @see docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */
export function awsCredentials(
  edge: CloudEdge,
  metadata: AwsMetadata,
  region: () => Promise<string>,
): CredentialSource {
  return remembered(edge, async (signal) => {
    const given = fromEnvironment(edge) ?? fromFiles(edge);
    if (given !== undefined) return given;
    const { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: role } = edge.env;
    if (file && role) return assumeByWebIdentity(edge, { file, role, region: await region() }, signal);
    return (await fromContainer(edge, signal)) ?? ofRole(ROLE, (path) => metadata.get(path, signal));
  });
}

function fromEnvironment({ env }: CloudEdge): Credentials | undefined {
  const [id, secret] = [env.AWS_ACCESS_KEY_ID || env.AWS_ACCESS_KEY, env.AWS_SECRET_ACCESS_KEY || env.AWS_SECRET_KEY];
  return id && secret ? { id, secret, session: env.AWS_SESSION_TOKEN || undefined } : undefined;
}

function fromFiles({ env, home, readText }: CloudEdge): Credentials | undefined {
  const folder = home === undefined ? undefined : `${home}/.aws`;
  const profile = env.AWS_PROFILE || env.AWS_DEFAULT_PROFILE || 'default';
  const secrets = env.AWS_SHARED_CREDENTIALS_FILE || (folder && `${folder}/credentials`);
  const config = env.AWS_CONFIG_FILE || (folder && `${folder}/config`);
  const section = (path: string | undefined, name: string): Readonly<Record<string, string>> =>
    parseIni((path && readText(path)) ?? '').get(name) ?? {};
  const found = {
    ...section(config, profile === 'default' ? 'default' : `profile ${profile}`),
    ...section(secrets, profile),
  };
  const { aws_access_key_id: id, aws_secret_access_key: secret, aws_session_token: session } = found;
  if (id && secret) return { id, secret, session };
  const unread = ['role_arn', 'sso_session', 'sso_start_url', 'credential_process', 'login_session'].find(
    (name) => found[name],
  );
  if (unread === undefined && !env.AWS_PROFILE) return undefined;
  const why = unread === undefined ? 'has no access key' : `says ${unread}, which flan does not follow`;
  throw new CloudError('E_CLOUD_AUTH', `AWS profile ${profile} ${why}`, {
    hint: 'Give the instance a role, or the profile an access key; unset AWS_PROFILE to use the role.',
  });
}

/** Where container credentials may come from without TLS: the host itself, and the agents of ECS and EKS. */
const NEAR = /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\]|169\.254\.170\.2|169\.254\.170\.23|\[fd00:ec2::23\])$/;

async function fromContainer(
  { env, readText, ...edge }: CloudEdge,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full } = env;
  const given = relative ? `http://169.254.170.2${relative}` : full;
  if (!given) return undefined;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && !NEAR.test(url.hostname))) {
    throw new CloudError(
      'E_CLOUD_AUTH',
      'AWS_CONTAINER_CREDENTIALS_FULL_URI is no address that credentials may come from',
      {
        hint: 'Use https, or an address of this host.',
      },
    );
  }
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file, AWS_CONTAINER_AUTHORIZATION_TOKEN: inline } = env;
  const authorization = (file ? readText(file)?.trim() : undefined) ?? inline;
  const what = 'container credentials';
  const answer = await persistently(
    edge,
    () =>
      send(
        {
          ...{ what, method: 'GET', url: url.href, timeoutMs: 2000 },
          ...(authorization && { headers: { authorization } }),
        },
        signal,
      ),
    { ...METADATA, signal },
  );
  if (answer.status !== 200) {
    throw new CloudError('E_CLOUD_AUTH', `${what}: status ${answer.status}`, { retry: isPassing(answer.status) });
  }
  return decodeRole(answer.text, what);
}

const ROLE: InstanceRole = {
  folder: 'iam/security-credentials/',
  none: 'AWS credentials: the environment and the files of AWS have none',
  hint: 'Attach a role to the instance; docs/backends.md has the policy that it needs.',
  decode: decodeRole,
};

/** What metadata service and container agents answer. @throws {FlanError} E_CLOUD_AUTH, E_CLOUD_PROTOCOL */
export function decodeRole(text: string, what: string): Credentials {
  const value = parseObject(text, what);
  const at = (name: string) => textOf(value, name);
  const code = at('Code') ?? 'Success';
  if (code !== 'Success') throw new CloudError('E_CLOUD_AUTH', `${what}: ${code.slice(0, 100)}`, { retry: true });
  const [id, secret, session] = [at('AccessKeyId'), at('SecretAccessKey'), at('Token')];
  if (id === undefined || secret === undefined) throw malformed(what, 'no key in it');
  const expiresAtMs = Date.parse(at('Expiration') ?? '');
  return { id, secret, session, ...(Number.isFinite(expiresAtMs) && { expiresAtMs }) };
}
