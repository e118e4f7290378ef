import { attributes, type Codec, type Decoded, type Row } from './attributes.js';
import { bytes, string } from './codecs.js';
import { type IpipInfo, ipipInfo } from './ipip.js';
import { type VxlanInfo, vxlanInfo } from './vxlan.js';
import type { Writer } from './writer.js';

const INFO_DATA = 2;

/** IFLA_LINKINFO; what `data` holds depends on `kind`. @see uapi/linux/if_link.h IFLA_INFO_* */
const table = attributes('IFLA_INFO', {
  kind: string(1), // KIND
  data: bytes(INFO_DATA), // DATA
  slaveKind: string(4), // SLAVE_KIND, what the link's master is
  slaveData: bytes(5), // SLAVE_DATA
});

/** `data` is only there for a kind that is not spelled out beside it. */
export type LinkInfo = Decoded<typeof table> & {
  readonly vxlan?: VxlanInfo | undefined;
  readonly ipip?: IpipInfo | undefined;
};

const codec: Codec<LinkInfo> = {
  fits: () => true,
  read(buffer, offset, lengthBytes) {
    const { data, ...info } = table.read(buffer, offset, lengthBytes);
    if (data === undefined) return info;
    if (info.kind === 'vxlan') return { ...info, vxlan: vxlanInfo.read(data, 0, data.length) };
    if (info.kind === 'ipip') return { ...info, ipip: ipipInfo.read(data, 0, data.length) };
    return { ...info, data };
  },
  write(writer, type, { vxlan, ipip, ...info }) {
    const start = writer.open(type);
    table.write(writer, info);
    if (vxlan !== undefined) nest(writer, () => vxlanInfo.write(writer, vxlan));
    if (ipip !== undefined) nest(writer, () => ipipInfo.write(writer, ipip));
    writer.close(start);
  },
};

function nest(writer: Writer, write: () => void): void {
  const start = writer.open(INFO_DATA);
  write();
  writer.close(start);
}

export const linkInfo = (type: number): Row<LinkInfo> => ({ type, codec });
