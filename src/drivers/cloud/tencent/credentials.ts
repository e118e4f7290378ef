import type { CloudEdge } from '../client.js';
import { malformed } from '../cloud-error.js';
import { type CredentialSource, type Credentials, type InstanceRole, ofRole, remembered } from '../credentials.js';
import { parseIni } from '../ini.js';
import { parseObject, textOf } from '../json.js';
import type { PlainMetadata } from '../plain-metadata.js';

export interface TencentCredentialsInit {
  readonly edge: CloudEdge;
  readonly metadata: PlainMetadata;
  /** Of the network config. */
  readonly keys: Credentials | undefined;
}

/** The network config, the environment (Tencent's names, then flannel's), the file of Tencent's tools, the role of the instance. */
export const tencentCredentials = ({ edge, metadata, keys }: TencentCredentialsInit): CredentialSource =>
  remembered(
    edge,
    async (signal) => keys ?? fromEnvironment(edge) ?? fromFile(edge) ?? ofRole(ROLE, (path) => metadata(path, signal)),
  );

function fromEnvironment({ env }: CloudEdge): Credentials | undefined {
  const { TENCENTCLOUD_SECRET_ID: id, TENCENTCLOUD_SECRET_KEY: secret, TENCENTCLOUD_SESSION_TOKEN: session } = env;
  if (id && secret) return { id, secret, session: session || undefined };
  const { ACCESS_KEY_ID: flannelsId, ACCESS_KEY_SECRET: flannelsSecret } = env;
  return flannelsId && flannelsSecret ? { id: flannelsId, secret: flannelsSecret } : undefined;
}

function fromFile({ env, home, readText }: CloudEdge): Credentials | undefined {
  if (home === undefined) return undefined;
  const profile = env.TENCENTCLOUD_PROFILE || 'default';
  const { secret_id: id, secret_key: secret } =
    parseIni(readText(`${home}/.tencentcloud/credentials`) ?? '').get(profile) ?? {};
  return id && secret ? { id, secret } : undefined;
}

const ROLE: InstanceRole = {
  folder: 'cam/security-credentials/',
  none: 'credentials of Tencent Cloud: the config, the environment and the file have none',
  hint: 'Give the instance a CAM role; docs/backends.md has the policy that it needs.',
  decode: decodeRole,
};

/** What the metadata service answers. @throws {FlanError} E_CLOUD_AUTH, E_CLOUD_PROTOCOL */
export function decodeRole(text: string, what: string): Credentials {
  const value = parseObject(text, what);
  const [id, secret, session] = [textOf(value, 'TmpSecretId'), textOf(value, 'TmpSecretKey'), textOf(value, 'Token')];
  if (id === undefined || secret === undefined) throw malformed(what, 'no key in it');
  const { ExpiredTime: expiredSeconds } = value;
  return { id, secret, session, ...(typeof expiredSeconds === 'number' && { expiresAtMs: expiredSeconds * 1000 }) };
}
