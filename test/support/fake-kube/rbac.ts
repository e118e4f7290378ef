import { StatusError } from './status.js';

/** A rule of a ClusterRole. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

export interface Attributes {
  readonly user: string;
  readonly verb: string;
  /** `nodes`, `nodes/status`. */
  readonly resource: string;
  readonly namespace?: string | undefined;
}

export const allows = (rules: readonly Rule[], { verb, resource }: Attributes): boolean =>
  rules.some(
    (rule) =>
      (rule.apiGroups.includes('') || rule.apiGroups.includes('*')) &&
      (rule.verbs.includes(verb) || rule.verbs.includes('*')) &&
      (rule.resources.includes(resource) || rule.resources.includes('*')),
  );

export function forbidden({ user, verb, resource, namespace }: Attributes): StatusError {
  const scope = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  const kind = resource.split('/')[0] ?? resource;
  return new StatusError(
    403,
    'Forbidden',
    `${kind} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "" ${scope}`,
    { kind },
  );
}
