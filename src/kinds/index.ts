import { type Kind, Kinds } from '../planner/kind.js';
import { addressKind } from './address.js';
import { fdbKind } from './fdb.js';
import { fileKind } from './file.js';
import { leaseKind } from './lease.js';
import { linkKind } from './link.js';
import { neighbourKind } from './neighbour.js';
import { routeKind } from './route.js';
import { ruleKind } from './rule.js';

// Each kind is checked against its own resource type where it is written; the registry only forgets which one that is.
const all = [
  leaseKind,
  linkKind,
  addressKind,
  neighbourKind,
  fdbKind,
  routeKind,
  ruleKind,
  fileKind,
] as readonly unknown[] as Kind[];

export const kinds = new Kinds(all);
