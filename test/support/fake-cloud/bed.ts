import type { CloudName } from '../../../src/model/cloud.js';
import type { Faults } from './server.js';

/** A fake cloud in the words that all clouds share. This node is the one with 192.168.10.1. */
export interface CloudBed {
  readonly cloud: CloudName;
  /** The table that this node's routes belong in. */
  readonly table: string;
  /** What leads to this node, and to another one that runs. */
  readonly self: string;
  readonly other: string;
  /** What leads to one that is gone; undefined where a cloud does not tell of that. */
  readonly dead: string | undefined;
  readonly faults: Faults;
  /** The environment that makes flan talk to it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Backend options that it takes; none as a rule. */
  readonly options: Readonly<Record<string, string>>;
  /** The action that lists routes, and the ones that make and change one: as `faults` knows them. */
  readonly actions: { readonly list: string; readonly create: string };
  /** The permission that a refused `create` is told to need. */
  readonly permission: string;
  /** What no output may hold. */
  secrets(): readonly string[];
  /** The routes that people or nodes have made, `DESTINATION TARGET`, sorted. */
  routes(): readonly string[];
  /** Somebody else's route, without a mark, at once. */
  put(dst: string, target: string): void;
  /** Takes every route to a destination away behind flan's back. */
  drop(dst: string): void;
  /** The actions that changed anything, in their order. */
  writes(): readonly string[];
  /** Other credentials are valid from now on: an instance role is told the new ones, nobody else is. */
  rotate(): void;
  /** From now on no more routes fit in. */
  fill(): void;
  close(): Promise<void>;
}
