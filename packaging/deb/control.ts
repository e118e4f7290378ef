export interface ControlInput {
  /** Of package.json. */
  readonly version: string;
  readonly architecture: DebArchitecture;
  readonly installedKiB: number;
}

export type DebArchitecture = 'amd64' | 'arm64';

/** Debian's names of the processors that koffi brings binaries for and flan is built for. */
export const DEB_ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, DebArchitecture>>> = {
  x64: 'amd64',
  arm64: 'arm64',
};

/** A pre-release sorts before its release. @see deb-version(7) */
export const debVersion = (version: string): string => version.replace('-', '~');

/** The package's control file. @see deb-control(5) */
export const controlFile = ({ version, architecture, installedKiB }: ControlInput): string =>
  `Package: flan
Version: ${debVersion(version)}
Architecture: ${architecture}
Maintainer: The flan maintainers <maintainers@flan.invalid>
Section: net
Priority: optional
Installed-Size: ${installedKiB}
Depends: nodejs (>= 20.19), libc6, procps
Recommends: iptables | nftables
Suggests: iproute2, wireguard-tools, strongswan-charon, strongswan-swanctl
Description: routes, tunnels and rules of an overlay network, planned and applied
 flan gives every node of a cluster a subnet of one overlay network and keeps
 the node's routes, tunnels, neighbours, packet filter rules and files in line
 with the subnets of all the others. It reads and writes what flannel does.
 .
 It shows what it would change and why, changes that once and verifies it, or
 holds it for ever and repairs what others break.
`;
