import type { CloudEdge } from '../client.js';
import { malformed } from '../cloud-error.js';
import { type CredentialSource, type Credentials, type InstanceRole, ofRole, remembered } from '../credentials.js';
import { parseIni } from '../ini.js';
import { parseObject, textOf } from '../json.js';
import type { PlainMetadata } from '../plain-metadata.js';

export interface AliCredentialsInit {
  readonly edge: CloudEdge;
  readonly metadata: PlainMetadata;
  /** Of the network config. */
  readonly keys: Credentials | undefined;
}

/** The network config, the environment (Alibaba's names, then flannel's), the file of its SDKs, the RAM role of the instance. */
export const aliCredentials = ({ edge, metadata, keys }: AliCredentialsInit): CredentialSource =>
  remembered(
    edge,
    async (signal) => keys ?? fromEnvironment(edge) ?? fromFile(edge) ?? fromRole(edge, metadata, signal),
  );

function fromEnvironment({ env }: CloudEdge): Credentials | undefined {
  const { ALIBABA_CLOUD_ACCESS_KEY_ID: id, ALIBABA_CLOUD_ACCESS_KEY_SECRET: secret } = env;
  if (id && secret) return { id, secret, session: env.ALIBABA_CLOUD_SECURITY_TOKEN || undefined };
  const { ACCESS_KEY_ID: flannelsId, ACCESS_KEY_SECRET: flannelsSecret } = env;
  return flannelsId && flannelsSecret ? { id: flannelsId, secret: flannelsSecret } : undefined;
}

function fromFile({ env, home, readText }: CloudEdge): Credentials | undefined {
  const path = env.ALIBABA_CLOUD_CREDENTIALS_FILE || (home && `${home}/.alibabacloud/credentials`);
  const profile = env.ALIBABA_CLOUD_PROFILE || 'default';
  const { type, ...found } = parseIni((path && readText(path)) ?? '').get(profile) ?? {};
  const { access_key_id: id, access_key_secret: secret, security_token: session } = found;
  return (type === undefined || type === 'access_key' || type === 'sts') && id && secret
    ? { id, secret, session }
    : undefined;
}

function fromRole({ env }: CloudEdge, metadata: PlainMetadata, signal: AbortSignal): Promise<Credentials> {
  const { ALIBABA_CLOUD_ECS_METADATA: named, ALIBABA_CLOUD_ECS_METADATA_DISABLED: disabled } = env;
  return ofRole(ROLE, async (path) => {
    if (path !== ROLE.folder) return metadata(path, signal);
    return named || (disabled?.toLowerCase() === 'true' ? undefined : metadata(path, signal));
  });
}

const ROLE: InstanceRole = {
  folder: 'ram/security-credentials/',
  none: 'credentials of Alibaba Cloud: the config, the environment and the file have none',
  hint: 'Give the instance a RAM role; docs/backends.md has the policy that it needs.',
  decode: decodeRole,
};

/** What the metadata service answers. @throws {FlanError} E_CLOUD_AUTH, E_CLOUD_PROTOCOL */
export function decodeRole(text: string, what: string): Credentials {
  const value = parseObject(text, what);
  const at = (name: string) => textOf(value, name);
  const [id, secret, session] = [at('AccessKeyId'), at('AccessKeySecret'), at('SecurityToken')];
  if (id === undefined || secret === undefined) throw malformed(what, 'no key in it');
  const expiresAtMs = Date.parse(at('Expiration') ?? '');
  return { id, secret, session, ...(Number.isFinite(expiresAtMs) && { expiresAtMs }) };
}
