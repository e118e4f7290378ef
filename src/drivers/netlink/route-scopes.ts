/** So many routes by a gateway share a scope. */
const PER_SCOPE = 256;
/** Scopes below `site` (RT_SCOPE_SITE), which for a route by a gateway all mean the same. @see fib_check_nh */
const SCOPES = 200;

/**
 * Spreads IPv4 routes by gateways over scopes. The kernel looks for an equal next hop in a hash that leaves the gateway
 * out (fib_info_hash_bucket in net/ipv4/fib_semantics.c): all such routes of one link and one scope are one chain, and
 * each new one walks it. 5,000 took 0.47 s to make, 20,000 would take 7 s; spread they take 0.08 s. Few routes stay in
 * scope `global`, so that most hosts never show another.
 */
export interface RouteScopes {
  /** There are so many now. */
  restart(count: number): void;
  /** For one more. @returns rtm_scope */
  next(): number;
}

export function routeScopes(): RouteScopes {
  let count = 0;
  return {
    restart(seen) {
      count = seen;
    },
    next: () => Math.floor(count++ / PER_SCOPE) % SCOPES,
  };
}

/** Whether a scope is one that `routeScopes` gives. */
export const isSpreadScope = (scope: number): boolean => scope < SCOPES;
