import type { Request, Verb } from '../../netlink/wire/request.js';
import { fieldOf, type Resource } from '../../planner/kind.js';
import type { Links } from './links.js';
import type { RouteScopes } from './route-scopes.js';

/** The way of one kind between resources and messages; its way back is a function of the same file. */
export interface NetlinkCodec<R extends Resource = Resource> {
  readonly kind: R['kind'];
  /**
   * What makes (`add`), changes in place (`replace`) or removes (`delete`) the resource, in order.
   * @throws {FlanError} E_LINK_MISSING when it needs a link that is not there
   */
  requests(input: RequestInput<R>): readonly Request[];
  /** Whether the kernel refuses to swap the two, so that one must go before the other comes. Never, when absent. */
  mustBreak?(before: R, after: R): boolean;
}

export interface RequestInput<R> {
  readonly verb: Extract<Verb, 'add' | 'replace' | 'delete'>;
  readonly resource: R;
  /** What stands there, where that is known: with `replace`, what the resource takes the place of. */
  readonly before?: R;
  readonly links: Links;
  readonly scopes: RouteScopes;
}

/** Refusals that mean the object was not there to be deleted. */
export const ABSENT: ReadonlySet<string> = new Set(['ESRCH', 'ENOENT', 'ENODEV', 'EADDRNOTAVAIL']);

/** The link that a resource stands on, if it stands on one. */
export function devOf(resource: Resource): string | undefined {
  const dev = fieldOf(resource, 'dev');
  return typeof dev === 'string' ? dev : undefined;
}
