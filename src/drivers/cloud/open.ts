import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { CloudName } from '../../model/cloud.js';
import { fileError } from '../../sys/file-error.js';
import { aliClient } from './ali/client.js';
import { awsClient } from './aws/client.js';
import type { CloudClient, CloudEdge } from './client.js';
import type { Credentials } from './credentials.js';
import { gceClient } from './gce/client.js';
import { tencentClient } from './tencent/client.js';

export { cloudDriver } from './driver.js';

/** The world as it is. */
export const cloudEdge: CloudEdge = {
  env: process.env,
  home: homedir() || undefined,
  readText: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw fileError({ verb: 'read', path, cause, hint: 'Let flan read it, or name another file.' });
    }
  },
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: () => Math.random(),
  sleep: async (delayMs, signal) => {
    await delay(delayMs, undefined, { signal }).catch((cause: unknown) => {
      throw signal.aborted ? signal.reason : cause;
    });
  },
};

export interface OpenClient {
  readonly cloud: CloudName;
  /** The tables that the network config names. */
  readonly tables: readonly string[];
  /** That it holds. */
  readonly keys?: Credentials;
}

export function openClient({ cloud, tables, keys }: OpenClient, edge: CloudEdge = cloudEdge): CloudClient {
  switch (cloud) {
    case 'aws-vpc':
      return awsClient({ edge, tables });
    case 'gce':
      return gceClient(edge);
    case 'ali-vpc':
      return aliClient({ edge, keys });
    case 'tencent-vpc':
      return tencentClient({ edge, keys });
  }
}
