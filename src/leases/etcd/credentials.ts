import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { FlanError } from '../../errors.js';
import type { Endpoint } from './endpoint.js';

/** PEM files of a TLS connection. Without a CA, the ones that Node trusts count. */
export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** An etcd user. The file wins over the text; it is read at every login, so that a new password needs no restart. */
export interface EtcdUser {
  readonly name: string;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
}

export const hasTls = (tls: TlsFiles): boolean => [tls.caFile, tls.certFile, tls.keyFile].some((file) => file);

/** How to connect to one endpoint. Files are read now: a renewed certificate counts from the next connection. */
export function channelSecurity(
  endpoint: Endpoint,
  tls: TlsFiles,
): { readonly credentials: ChannelCredentials; readonly options: ChannelOptions } {
  if (endpoint.scheme === 'http') return { credentials: credentials.createInsecure(), options: {} };
  const context = secureContext(tls);
  const host = endpoint.target.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  if (isIP(host) === 0) return { credentials: credentials.createFromSecureContext(context), options: {} };
  // RFC 6066 §3 forbids an address as server name and Node warns about it on stderr; the certificate is still
  // checked against the address.
  return {
    credentials: credentials.createFromSecureContext(context, {
      checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    }),
    options: { 'grpc.ssl_target_name_override': 'etcd' },
  };
}

function secureContext({ caFile, certFile, keyFile }: TlsFiles) {
  if (Boolean(certFile) !== Boolean(keyFile)) {
    const [has, lacks] = certFile ? ['certificate', 'key'] : ['key', 'certificate'];
    throw new FlanError('E_CONFIG', `etcd: a client ${has} is set without its ${lacks}`, {
      hint: 'set etcd-certfile and etcd-keyfile together, or neither',
    });
  }
  const ca = caFile ? readPem('etcd-cafile', caFile) : undefined;
  const pair =
    certFile && keyFile ? { cert: readPem('etcd-certfile', certFile), key: readPem('etcd-keyfile', keyFile) } : {};
  try {
    return createSecureContext({ minVersion: 'TLSv1.2', ...(ca && { ca }), ...pair });
  } catch (cause) {
    const files = [caFile, certFile, keyFile].filter(Boolean).join(', ');
    throw new FlanError('E_CONFIG', `etcd: cannot use ${files}: ${messageOf(cause)}`, {
      hint: 'check that the files are PEM and that the key belongs to the certificate',
      cause,
    });
  }
}

/** @throws {FlanError} E_CONFIG */
export function readPassword(user: EtcdUser): string {
  if (user.passwordFile)
    return readPem('etcd-password-file', user.passwordFile)
      .toString('utf8')
      .replace(/\r?\n$/, '');
  return user.password ?? '';
}

function readPem(setting: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new FlanError('E_CONFIG', `${setting}: cannot read ${file}: ${messageOf(cause)}`, {
      hint: `check that ${file} exists and that this user may read it`,
      where: setting,
      cause,
    });
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
