import http from 'node:http';
import https from 'node:https';

/** What one request needs to reach the API server as us. */
export interface ApiAccess {
  /** Base URL. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: http.Agent;
}

/** Who we are to the API server; whatever expires is renewed inside. */
export interface Credentials {
  /** Base URL, for people. */
  readonly server: string;
  /** @throws {FlanError} E_STORE_AUTH when there is no token or certificate to be had */
  access(signal: AbortSignal): Promise<ApiAccess>;
  /** The server refused what we gave it last: read everything again for the next request. */
  invalidate(): void;
  close(): void;
}

/** How long tokens and certificates are used before their files are read again; kubelet rotates them well ahead. */
export const REREAD_MS = 60_000;

export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly insecure?: 'yes';
}

/** Connections are kept and probed, so that a server that vanished is noticed on a quiet watch too. */
export function agentFor(server: string, tls: TlsMaterial): http.Agent {
  const keep = { keepAlive: true, keepAliveMsecs: 15_000 };
  if (server.startsWith('http:')) return new http.Agent(keep);
  const { insecure, ...material } = tls;
  return new https.Agent({
    ...keep,
    ...material,
    minVersion: 'TLSv1.2',
    ...(insecure && { rejectUnauthorized: false }),
  });
}
