/** A metav1.Status that ends a request, in the words of the real server. */
export class StatusError extends Error {
  constructor(
    readonly code: number,
    readonly reason: string,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
    readonly metadata: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }

  body(): Readonly<Record<string, unknown>> {
    const { code, reason, message, details, metadata } = this;
    const named = Object.keys(details).length > 0 ? { details } : {};
    return { kind: 'Status', apiVersion: 'v1', metadata, status: 'Failure', message, reason, ...named, code };
  }
}

export const unauthorized = () => new StatusError(401, 'Unauthorized', 'Unauthorized');
export const badRequest = (message: string) => new StatusError(400, 'BadRequest', message);
export const notFound = (resource: string, name: string) =>
  new StatusError(404, 'NotFound', `${resource} "${name}" not found`, { name, kind: resource });
export const conflict = (resource: string, name: string, why: string) =>
  new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${resource} "${name}": ${why}`, {
    name,
    kind: resource,
  });
export const expired = (message: string, metadata: Readonly<Record<string, unknown>> = {}) =>
  new StatusError(410, 'Expired', message, {}, metadata);
export const invalidOptions = (message: string) =>
  new StatusError(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: ${message}`, {
    group: 'meta.k8s.io',
    kind: 'ListOptions',
  });
export const unsupportedPatch = () =>
  new StatusError(
    415,
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml',
  );
export const tooLargeVersion = (asked: number, current: number) =>
  new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
