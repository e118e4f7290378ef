import { FlanError } from '../errors.js';
import { suggestion } from '../model/did-you-mean.js';
import { aliVpc } from './ali-vpc.js';
import { alloc } from './alloc.js';
import { awsVpc } from './aws-vpc.js';
import type { Backend } from './backend.js';
import { extension } from './extension.js';
import { gce } from './gce.js';
import { hostGw } from './host-gw.js';
import { ipip } from './ipip.js';
import { ipsec } from './ipsec.js';
import { tencentVpc } from './tencent-vpc.js';
import { udp } from './udp.js';
import { vxlan } from './vxlan.js';
import { wireguard } from './wireguard.js';

// Each backend is checked against its own options where it is written; the table only forgets which those are.
const BACKENDS = [
  alloc,
  aliVpc,
  awsVpc,
  extension,
  gce,
  hostGw,
  ipip,
  ipsec,
  tencentVpc,
  udp,
  vxlan,
  wireguard,
] as readonly unknown[] as readonly Backend[];

export const backendTypes = (): string[] => BACKENDS.map(({ type }) => type);

/** @throws {FlanError} E_NETWORK_CONFIG for a type that flan does not know */
export function backendOf(type: string): Backend {
  const backend = BACKENDS.find((candidate) => candidate.type === type.toLowerCase());
  if (backend !== undefined) return backend;
  throw new FlanError(
    'E_NETWORK_CONFIG',
    `Backend.Type: unknown backend '${type}'${suggestion(type, backendTypes())}`,
    {
      hint: `Use one of: ${backendTypes().join(', ')}.`,
    },
  );
}
