export { type Allocation, type AllocationInput, allocate, fitsNetwork, leaseFor, type Random } from './allocate.js';
export { claimOf, sameHolder } from './holder.js';
export * from './store.js';
