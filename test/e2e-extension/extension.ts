import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Lab, peerLease } from '../support/lab.js';

type Config = { readonly Network: string; readonly Backend: Readonly<Record<string, unknown>> };

/** The network config of an example. */
export const exampleNetwork = (name: string): Config =>
  parse(readFileSync(join(import.meta.dirname, '../../examples', name, 'leases/network.yaml'), 'utf8')) as Config;

export const extensionNetwork = (backend: object): object => ({
  Network: '10.244.0.0/16',
  Backend: { Type: 'extension', ...backend },
});

/** The lease of another node, without anybody who holds it. */
export const putPeer = (lab: Lab, letter: string, change: object = {}): void =>
  lab.put(`node-${letter}.yaml`, { ...peerLease(letter), backendType: 'extension', ...change });

/** What commands of a test write, a line each. */
export const linesOf = (path: string): string[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
