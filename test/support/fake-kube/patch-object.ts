import type { KubeObject } from './objects.js';
import { mergePatch, strategicMergePatch } from './patch.js';
import { badRequest, conflict, notFound, unsupportedPatch } from './status.js';

export interface PatchRequest {
  readonly before: KubeObject | undefined;
  readonly resource: string;
  readonly name: string;
  readonly subresource: string | undefined;
  /** Content type without parameters. */
  readonly type: string;
  readonly body: string;
}

/** What a PATCH makes of an object. `nodes/status` changes status and metadata and leaves the spec; `nodes` the reverse. */
export function patchObject({ before, resource, name, subresource, type, body }: PatchRequest): KubeObject {
  const strategic = type === 'application/strategic-merge-patch+json';
  if (!strategic && type !== 'application/merge-patch+json') throw unsupportedPatch();
  if (!before) throw notFound(resource, name);
  const patch = parse(body);
  let after: KubeObject;
  try {
    after = (strategic ? strategicMergePatch(before, patch) : mergePatch(before, patch)) as KubeObject;
  } catch (error) {
    throw badRequest((error as Error).message);
  }
  for (const [key, value] of Object.entries(after.metadata.annotations ?? {})) {
    if (typeof value !== 'string')
      throw badRequest(
        `json: cannot unmarshal ${typeof value} into Go struct field ObjectMeta.metadata.annotations of type string (${key})`,
      );
  }
  const asked = (patch.metadata ?? {}) as { resourceVersion?: string; uid?: string };
  if (asked.resourceVersion !== undefined && asked.resourceVersion !== before.metadata.resourceVersion) {
    throw conflict(
      resource,
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
  if (asked.uid !== undefined && asked.uid !== before.metadata.uid) {
    throw conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${asked.uid}, UID in object meta: ${before.metadata.uid}`,
    );
  }
  const { spec: _, status: __, ...rest } = after;
  const kept =
    subresource === 'status'
      ? { spec: before.spec, status: after.status }
      : { spec: after.spec, status: before.status };
  return { ...rest, ...kept } as KubeObject;
}

function parse(body: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(body) as Readonly<Record<string, unknown>>;
  } catch {
    throw badRequest('error decoding patch: the body is not JSON');
  }
}
