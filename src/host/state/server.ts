import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { CertificateFact } from '../../model/host-state.js';

export interface ServerInput {
  /** `https://10.0.0.1:2379` */
  readonly url: string;
  /** A server that asks for a client certificate answers nobody else. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly signal: AbortSignal;
}

export interface ServerFacts {
  readonly certificates: readonly CertificateFact[];
  readonly clock?: { readonly server: string; readonly theirMs: number; readonly ourMs: number };
}

const TIMEOUT_MS = 3_000;

/**
 * Asks an HTTP server for what comes with any answer of it: its certificate, and its clock. Sends no secret, so
 * certificates that are wrong are looked at all the same. Never throws: who does not answer tells nothing.
 */
export async function askServer({ url, certFile, keyFile, signal }: ServerInput): Promise<ServerFacts> {
  const certificates: CertificateFact[] = [];
  const pair = { ...file('cert', certFile), ...file('key', keyFile) };
  const isTls = url.startsWith('https:');
  const options = {
    timeout: TIMEOUT_MS,
    signal,
    agent: false as const,
    ...(isTls && { rejectUnauthorized: false, ...pair }),
  };
  const date = await new Promise<string | undefined>((resolve) => {
    const asking = (isTls ? requestHttps : requestHttp)(
      new URL('/version', url),
      options,
      (answer: IncomingMessage) => {
        answer.resume();
        resolve(answer.headers.date);
      },
    );
    asking.on('socket', (socket) => {
      socket.once('secureConnect', () => {
        const raw = (socket as TLSSocket).getPeerX509Certificate()?.raw;
        if (raw !== undefined) certificates.push(certificateFact(`server certificate of ${url}`, raw));
      });
    });
    asking.on('timeout', () => asking.destroy());
    // Also when the signal aborts, or a key of ours cannot be used: the store itself says what is wrong.
    asking.on('error', () => resolve(undefined));
    asking.on('close', () => resolve(undefined));
    asking.end();
  });
  const theirMs = date === undefined ? Number.NaN : Date.parse(date);
  return { certificates, ...(Number.isFinite(theirMs) && { clock: { server: url, theirMs, ourMs: Date.now() } }) };
}

/** The first certificate of a PEM file; nothing where it cannot be read as one, which the store itself will say. */
export function certificatesIn(path: string | undefined, what: string): readonly CertificateFact[] {
  try {
    return path === undefined ? [] : [certificateFact(`${what} ${path}`, readFileSync(path))];
  } catch {
    return [];
  }
}

function certificateFact(what: string, bytes: Buffer): CertificateFact {
  const { validFrom, validTo } = new X509Certificate(bytes);
  return { what, validFromMs: Date.parse(validFrom), validToMs: Date.parse(validTo) };
}

function file(name: 'cert' | 'key', path: string | undefined): { readonly [K in 'cert' | 'key']?: Buffer } {
  try {
    return path === undefined ? {} : { [name]: readFileSync(path) };
  } catch {
    return {}; // The store itself says so.
  }
}
