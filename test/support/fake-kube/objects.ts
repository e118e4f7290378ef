/** JSON of a Kubernetes object, as loosely typed as the wire is. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec?: Fields;
  readonly status?: Fields;
}

export type Fields = { readonly [name: string]: unknown };

export interface Metadata extends Fields {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface NodeOptions {
  readonly name: string;
  readonly podCIDRs?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly conditions?: readonly Fields[];
  /** JSON size to reach, by images and managed fields as a kubelet and its like fill a Node with. */
  readonly bytes?: number;
}

/** A Node as the kubelet and the controllers write it. */
export function makeNode({ name, podCIDRs = [], annotations = {}, conditions, bytes = 0 }: NodeOptions): KubeObject {
  const node = (images: readonly Fields[]): KubeObject => ({
    kind: 'Node',
    apiVersion: 'v1',
    metadata: {
      name,
      creationTimestamp: '2026-11-01T08:00:00Z',
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'node-role.kubernetes.io/worker': '' },
      annotations: {
        'node.alpha.kubernetes.io/ttl': '0',
        note: 'quotes "inside", braces {[ and \\ too',
        ...annotations,
      },
      managedFields: [managedBy('kubelet'), managedBy('kube-controller-manager')],
    },
    spec: podCIDRs[0] === undefined ? {} : { podCIDR: podCIDRs[0], podCIDRs, providerID: `test:///${name}` },
    status: {
      capacity: { cpu: '8', memory: '32780000Ki', pods: '110' },
      conditions: conditions ?? [
        condition('MemoryPressure', 'False'),
        condition('DiskPressure', 'False'),
        condition('Ready', 'True'),
      ],
      addresses: [
        { type: 'InternalIP', address: '192.0.2.10' },
        { type: 'Hostname', address: name },
      ],
      nodeInfo: {
        kernelVersion: '6.18.0',
        osImage: 'Debian GNU/Linux 13',
        containerRuntimeVersion: 'containerd://2.1.0',
      },
      images,
    },
  });
  const images: Fields[] = [];
  for (let size = JSON.stringify(node([])).length; size < bytes; ) {
    const image = imageOf(images.length);
    size += JSON.stringify(image).length + 1;
    images.push(image);
  }
  return node(images);
}

export const condition = (type: string, status: string): Fields => ({
  type,
  status,
  reason: `Kubelet${type}`,
  message: `kubelet says ${type} is ${status}`,
  lastHeartbeatTime: '2026-11-22T08:00:00Z',
  lastTransitionTime: '2026-11-01T08:00:00Z',
});

const managedBy = (manager: string): Fields => ({
  manager,
  operation: 'Update',
  apiVersion: 'v1',
  time: '2026-11-22T08:00:00Z',
  fieldsType: 'FieldsV1',
  fieldsV1: {
    'f:metadata': {
      'f:annotations': { '.': {}, 'f:node.alpha.kubernetes.io/ttl': {} },
      'f:labels': { '.': {}, 'f:kubernetes.io/os': {} },
    },
    'f:status': {
      'f:conditions': { 'k:{"type":"Ready"}': { 'f:lastHeartbeatTime': {}, 'f:status': {} } },
      'f:images': {},
    },
  },
});

const imageOf = (n: number): Fields => ({
  names: [
    `registry.example.com/team/service-${n}@sha256:${((n * 2654435761) % 2 ** 32).toString(16).padStart(8, '0').repeat(8)}`,
    `registry.example.com/team/service-${n}:v1.${n}.0`,
  ],
  sizeBytes: 50_000_000 + n * 12_345,
});
