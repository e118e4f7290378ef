import { readFile } from 'node:fs/promises';
import { FlanError } from '../../errors.js';
import { parseJson } from '../../model/json-text.js';
import type { Network } from '../../model/network.js';
import type { Warning } from '../../model/warning.js';

/** Where flannel's DaemonSet mounts its ConfigMap. */
export const DEFAULT_NET_CONFIG_PATH = '/etc/kube-flannel/net-conf.json';

export type DecodeNetwork = (
  value: unknown,
  where: string,
) => { readonly network: Network; readonly warnings: readonly Warning[] };

export interface NetConfig {
  readonly path: string;
  readonly decodeNetwork: DecodeNetwork;
}

/** @throws {FlanError} E_NETWORK_MISSING, E_NETWORK_CONFIG */
export async function readNetConfig({ path, decodeNetwork }: NetConfig, signal: AbortSignal): Promise<Network> {
  const text = await readFile(path, { encoding: 'utf8', signal }).catch((cause: NodeJS.ErrnoException) => {
    signal.throwIfAborted();
    throw new FlanError('E_NETWORK_MISSING', `cannot read the network config: ${cause.message}`, {
      where: path,
      hint: 'Mount the key net-conf.json of ConfigMap kube-flannel-cfg there, or name another file with --net-config-path',
      cause,
    });
  });
  return decodeNetwork(parseJson({ text, where: path, code: 'E_NETWORK_CONFIG' }), path).network;
}
