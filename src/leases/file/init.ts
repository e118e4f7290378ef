import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FlanError } from '../../errors.js';
import type { Prefix } from '../../model/ip.js';
import { errnoOf, fileError, isDenied, reasonOf } from '../../sys/file-error.js';
import { makeFolder } from '../../sys/make-folder.js';
import { writePlacedFile } from '../../sys/placed-file.js';

export interface InitFolder {
  /** Where flan.yaml and the folder `leases` go; made when it is missing. */
  readonly path: string;
  readonly ipv4?: Prefix | undefined;
  readonly ipv6?: Prefix | undefined;
  /** A type of src/backends. */
  readonly backend: string;
}

/**
 * Writes a folder that `flan plan` runs in as it is. Nothing that exists is written over.
 * @returns the files written
 * @throws {FlanError} E_EXISTS naming the first file in the way, before anything is written; E_STORE_PERMISSION, E_FILE
 */
export function initFolder(options: InitFolder): readonly string[] {
  const { path } = options;
  const files = new Map([
    [join(path, 'flan.yaml'), SETTINGS],
    [join(path, 'leases', 'network.yaml'), networkYaml(options)],
  ]);
  const inTheWay = [...files.keys()].find((file) => existsSync(file));
  if (inTheWay !== undefined) {
    throw new FlanError('E_EXISTS', `${inTheWay} exists already`, {
      hint: 'Choose another folder, or edit what is there.',
      where: inTheWay,
    });
  }
  try {
    makeFolder(join(path, 'leases'));
    for (const [file, text] of files) writePlacedFile(file, text, 0o644);
  } catch (cause) {
    const hint = 'Choose a folder that you may write to.';
    if (!isDenied(errnoOf(cause))) throw fileError({ verb: 'write to', path, cause, hint });
    throw new FlanError('E_STORE_PERMISSION', `cannot write to ${path}: ${reasonOf(cause)}`, {
      hint,
      where: path,
      cause,
    });
  }
  return [...files.keys()];
}

const SETTINGS = `# Settings of flan on this node. Flags and FLAN_* variables win over what stands here;
# 'flan config show' tells every setting, its value and where that comes from.

# Folder with the network's config and one file per node.
leases: ./leases

# Name of this node in its lease; the host name when left out.
# node: node-a

# Interface towards the other nodes; that of the default route when left out.
# iface: eth0

# Where programs that start containers look for this node's subnet.
# subnetFile: /run/flannel/subnet.env
`;

function networkYaml({ ipv4, ipv6, backend }: InitFolder): string {
  const lines = [
    "# The network of all nodes, in the words of flannel's net-conf.json. Every node must see the same.",
    ...(ipv4
      ? [
          '# Each node gets one /SubnetLen subnet of this, which the rest of the network does not use.',
          `Network: ${ipv4}`,
          '# SubnetLen: 24',
        ]
      : ['EnableIPv4: false']),
    ...(ipv6 ? ['EnableIPv6: true', `IPv6Network: '${ipv6}'`, '# IPv6SubnetLen: 64'] : []),
    '',
    '# How packets get from node to node.',
    'Backend:',
    `  Type: ${backend}`,
    '',
    '# The leases are the other files of this folder. flan writes its own, named after the subnet; any of them may',
    '# as well be written by hand, for instance as node-b.yaml:',
    '#',
    '#   node: node-b',
    ...(ipv4 ? ['#   subnet: 10.244.2.0/24', '#   publicIP: 192.168.10.2'] : []),
    ...(ipv6 ? ["#   ipv6Subnet: 'fd00:10:244:2::/64'", "#   publicIPv6: '2001:db8::2'"] : []),
  ];
  return `${lines.join('\n')}\n`;
}
