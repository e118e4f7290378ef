/**
 * flan as a library: everything that decides. Values in, a plan out; nothing here reads or changes the host.
 * What applies a plan is the command line's, and no promise of compatibility is made for it.
 */
export * from './backends/backend.js';
export { backendOf, backendTypes } from './backends/index.js';
export { type DecodedNetwork, decodeNetwork, parseNetwork } from './config/network.js';
export { type ErrorCode, FlanError } from './errors.js';
export { kinds } from './kinds/index.js';
export type * from './leases/store.js';
export type * from './model/facts.js';
export * from './model/ip.js';
export * from './model/lease.js';
export * from './model/mac.js';
export type * from './model/network.js';
export type * from './model/warning.js';
export * from './planner/kind.js';
export * from './planner/plan.js';
