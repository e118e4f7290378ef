import { FlanError } from '../errors.js';
import type { Family } from '../model/ip.js';
import { isJsonObject, type JsonObject } from '../model/json.js';
import type { BackendConfig, Network, NetworkStack } from '../model/network.js';
import { type OptionReader, optionReader, shown } from '../model/options.js';
import type { Warning } from '../model/warning.js';
import { parseDocument } from './document.js';
import { decodeStack, type StackInput, stackNames } from './network-stack.js';

export interface DecodedNetwork {
  readonly network: Network;
  readonly warnings: readonly Warning[];
}

/**
 * Reads flannel's net-conf.json: names in any case, unknown ones ignored but told, every default filled in.
 * @param where the document, for messages: `etcd /coreos.com/network/config`
 * @throws {FlanError} E_NETWORK_CONFIG
 */
export function decodeNetwork(value: unknown, where: string): DecodedNetwork {
  if (!isJsonObject(value)) {
    throw new FlanError('E_NETWORK_CONFIG', `the network config must be an object, not ${shown(value)}`, {
      where,
      hint: 'The shortest one is {"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}.',
    });
  }
  const reader = optionReader({ raw: value, path: '', where });
  const enabled: Record<Family, boolean> = {
    4: reader.boolean('EnableIPv4') ?? true,
    6: reader.boolean('EnableIPv6') ?? false,
  };
  if (!enabled[4] && !enabled[6]) {
    throw reader.refuse('EnableIPv4', 'and EnableIPv6 are both off', 'Switch on at least one of them.');
  }
  const written = Object.keys(value);
  const ipv4 = familyHalf({ reader, family: 4, written, enabled });
  const ipv6 = familyHalf({ reader, family: 6, written, enabled });
  const nftables = reader.boolean('EnableNFTables') ?? false;
  const backend = decodeBackend(reader);
  return {
    network: { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }), nftables, backend },
    warnings: [...reader.unread(), ...unusedHalves(reader, enabled)],
  };
}

/**
 * The same from text: JSON, or YAML.
 * @throws {FlanError} E_NETWORK_CONFIG, with line and column on a syntax error
 */
export async function parseNetwork(text: string, where: string): Promise<DecodedNetwork> {
  const { value, format } = await parseDocument({ text, where, code: 'E_NETWORK_CONFIG' });
  const { network, warnings } = decodeNetwork(value, where);
  if (format === 'json' || !text.trimStart().startsWith('{')) return { network, warnings };
  const sloppy: Warning = {
    code: 'W_NOT_JSON',
    message: `${where} looks like JSON but is not strict JSON: flan reads it, flanneld does not`,
  };
  return { network, warnings: [sloppy, ...warnings] };
}

/** The half of a family that is switched on. One that is off is still checked for types, as flannel does. */
function familyHalf({ enabled, ...input }: HalfInput): NetworkStack | undefined {
  const { reader, family } = input;
  if (enabled[family]) return decodeStack(input);
  const names = stackNames(family);
  reader.string(names.network);
  reader.integer(names.len, { min: 0 });
  reader.string(names.min);
  reader.string(names.max);
  return undefined;
}

interface HalfInput extends StackInput {
  readonly enabled: Readonly<Record<Family, boolean>>;
}

function unusedHalves(reader: OptionReader, enabled: Readonly<Record<Family, boolean>>): Warning[] {
  return ([4, 6] as const).flatMap((family): Warning[] => {
    const { network, enable } = stackNames(family);
    const given = reader.string(network);
    if (enabled[family] || given === undefined) return [];
    return [
      {
        code: 'W_FAMILY_OFF',
        message: `${network} is given but ${enable} is not true: this network is not used`,
        hint: `Set "${enable}": true, or remove ${network}.`,
      },
    ];
  });
}

/** No Backend at all means `udp`, as flannel decides; a Backend without a Type means nothing. */
function decodeBackend(reader: OptionReader): BackendConfig {
  const raw = reader.json('Backend');
  if (raw === undefined) return { type: 'udp', options: {} };
  const backend = reader.object('Backend');
  const type = backend?.string('Type')?.toLowerCase() ?? '';
  if (backend === undefined || type === '') {
    throw reader.refuse('Backend', 'has no Type', 'Name one: "Backend": {"Type": "vxlan"}.');
  }
  const options: JsonObject = Object.fromEntries(
    Object.entries(raw as JsonObject).filter(([name]) => name.toLowerCase() !== 'type'),
  );
  return { type, options };
}
