import type { HostProcess, HostState } from '../model/host-state.js';

/** The first process of this name that can touch what flan makes: one that may not be looked at counts. */
export const managerNamed = ({ managers }: HostState, name: string): HostProcess | undefined =>
  managers.find((process) => process.name === name && process.sameNetns !== false);
