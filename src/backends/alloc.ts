import type { Backend } from './backend.js';

/** Holds a lease and writes subnet.env; somebody else carries the packets. */
export const alloc: Backend = {
  type: 'alloc',
  publishedType: '',
  families: [4, 6],
  remembers: false,
  usesLookups: () => false,
  optionNames: [],
  options: () => ({}),
  overheadBytes: () => 0,
  advertise: () => ({}),
  local: () => [],
  peer: () => [],
  check: () => [],
  checkPeer: () => [],
};
