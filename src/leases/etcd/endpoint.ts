import { FlanError } from '../../errors.js';

/** One etcd server as configured. */
export interface Endpoint {
  /** For people and messages: `https://10.0.0.1:2379`. */
  readonly name: string;
  /** For gRPC: host and port; IPv6 addresses in brackets. */
  readonly target: string;
  readonly scheme: 'http' | 'https';
}

const DEFAULT_PORT = 2379; // IANA: etcd-client

/**
 * Reads `http://host:port`, `https://host:port` or `host:port` (TLS if `tlsConfigured`, as etcd's own client decides).
 * @throws {FlanError} E_CONFIG; the text is not repeated where it may hold a password
 */
export function parseEndpoint(text: string, schemeless: Endpoint['scheme']): Endpoint {
  const trimmed = text.trim();
  if (trimmed.includes('@')) {
    throw refused('an endpoint holds a user name', 'give user and password by their own settings, not in the URL');
  }
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/.exec(trimmed);
  const [, scheme = schemeless, host, portText] = match ?? [];
  const port = Number(portText ?? DEFAULT_PORT);
  if (host === undefined || port < 1 || port > 65535) {
    throw refused(`not an etcd endpoint: '${trimmed}'`, 'write http://HOST:PORT or https://HOST:PORT');
  }
  return { name: `${scheme}://${host}:${port}`, target: `${host}:${port}`, scheme: scheme as Endpoint['scheme'] };
}

/** @throws {FlanError} E_CONFIG also for an empty list */
export function parseEndpoints(
  texts: readonly string[],
  schemeless: Endpoint['scheme'],
): readonly [Endpoint, ...Endpoint[]] {
  const endpoints = texts.filter((text) => text.trim() !== '').map((text) => parseEndpoint(text, schemeless));
  const [first, ...others] = endpoints;
  if (first === undefined) throw refused('none is given', 'set etcd-endpoints to http://HOST:2379');
  return [first, ...others];
}

const refused = (message: string, hint: string): FlanError =>
  new FlanError('E_CONFIG', `etcd-endpoints: ${message}`, { hint, where: 'etcd-endpoints' });
