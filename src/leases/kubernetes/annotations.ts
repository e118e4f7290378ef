import { FlanError } from '../../errors.js';

export const DEFAULT_ANNOTATION_PREFIX = 'flannel.alpha.coreos.com';

/** The full names of flannel's Node annotations under one prefix. */
export interface AnnotationNames {
  /** Ends in `/` or `-`; every name below starts with it. */
  readonly prefix: string;
  /** `"true"` makes a Node a member of the overlay. */
  readonly member: string;
  readonly backendType: string;
  readonly backendData: string;
  readonly backendV6Data: string;
  readonly publicIp: string;
  readonly publicIpv6: string;
  /** Set by people: replaces the address that the node publishes. */
  readonly publicIpOverwrite: string;
  readonly publicIpv6Overwrite: string;
  /** Set by people: picks the external interface and the published address at start. */
  readonly nodePublicIp: string;
  readonly nodePublicIpv6: string;
}

/**
 * flannel's rule: a bare domain gets a `/`, anything else that does not end in `/` or `-` gets a `-`.
 * @throws {FlanError} E_CONFIG
 */
export function annotationNames(setting: string = DEFAULT_ANNOTATION_PREFIX): AnnotationNames {
  const slashed = setting.includes('/') ? setting : `${setting}/`;
  const prefix = /[/-]$/.test(slashed) ? slashed : `${slashed}-`;
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\/[0-9a-z_-]*$/.test(prefix)) {
    throw new FlanError('E_CONFIG', `'${setting}' cannot be a prefix of Node annotations`, {
      where: 'kube-annotation-prefix',
      hint: "Give a domain name, or a domain name, one slash and lower-case letters, digits, '-' or '_'",
    });
  }
  return {
    prefix,
    member: `${prefix}kube-subnet-manager`,
    backendType: `${prefix}backend-type`,
    backendData: `${prefix}backend-data`,
    backendV6Data: `${prefix}backend-v6-data`,
    publicIp: `${prefix}public-ip`,
    publicIpv6: `${prefix}public-ipv6`,
    publicIpOverwrite: `${prefix}public-ip-overwrite`,
    publicIpv6Overwrite: `${prefix}public-ipv6-overwrite`,
    nodePublicIp: `${prefix}node-public-ip`,
    nodePublicIpv6: `${prefix}node-public-ipv6`,
  };
}
