import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** PEM texts of a certificate authority made for one test, and of what it signed. */
export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  /** A client of the given name in group `system:masters`, whose certificate is all it needs. */
  client(name: string): { readonly cert: string; readonly key: string };
  remove(): void;
}

/** A fresh authority with a server certificate for `localhost` and 127.0.0.1. */
export function makeCertificates(): Certificates {
  const dir = mkdtempSync(path.join(tmpdir(), 'flan-kube-certs-'));
  const file = (name: string) => path.join(dir, name);
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const text = (name: string) => readFileSync(file(name), 'utf8');
  const key = (name: string) =>
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file(`${name}.key`));
  const sign = (name: string, subject: string, extensions: string) => {
    key(name);
    writeFileSync(file(`${name}.ext`), extensions);
    openssl('req', '-new', '-key', file(`${name}.key`), '-subj', subject, '-out', file(`${name}.csr`));
    openssl(
      ...['x509', '-req', '-days', '2', '-in', file(`${name}.csr`), '-CA', file('ca.crt'), '-CAkey', file('ca.key')],
      ...['-CAcreateserial', '-extfile', file(`${name}.ext`), '-out', file(`${name}.crt`)],
    );
    return { cert: text(`${name}.crt`), key: text(`${name}.key`) };
  };
  key('ca');
  openssl(
    'req',
    '-x509',
    '-new',
    '-days',
    '2',
    '-key',
    file('ca.key'),
    '-subj',
    '/CN=flan test authority',
    '-out',
    file('ca.crt'),
  );
  const server = sign(
    'server',
    '/CN=kube-apiserver',
    'subjectAltName=DNS:localhost,DNS:kubernetes,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n',
  );
  return {
    ca: text('ca.crt'),
    server,
    client: (name) => sign(`client-${name}`, `/O=system:masters/CN=${name}`, 'extendedKeyUsage=clientAuth\n'),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
