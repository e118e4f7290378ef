import { Adopt } from './adopt.js';
import { Apply } from './apply.js';
import type { BaseCommand } from './base.js';
import { CheckpointLs } from './checkpoint/ls.js';
import { CheckpointShow } from './checkpoint/show.js';
import { CheckpointTimer } from './checkpoint/timer.js';
import { ConfigShow } from './config/show.js';
import { Confirm } from './confirm.js';
import { Destroy } from './destroy.js';
import { Diff } from './diff.js';
import { Doctor } from './doctor.js';
import { Explain } from './explain.js';
import { Fmt } from './fmt.js';
import { History } from './history.js';
import { Init } from './init.js';
import { InstallCni } from './install-cni.js';
import { LeaseAcquire } from './lease/acquire.js';
import { LeaseList } from './lease/list.js';
import { LeaseRelease } from './lease/release.js';
import { LeaseReserve } from './lease/reserve.js';
import { LeaseShow } from './lease/show.js';
import { Plan } from './plan.js';
import { Prune } from './prune.js';
import { Resume } from './resume.js';
import { Rollback } from './rollback.js';
import { Schema } from './schema.js';
import { ShowDesired } from './show/desired.js';
import { ShowFacts } from './show/facts.js';
import { ShowLeases } from './show/leases.js';
import { ShowObserved } from './show/observed.js';
import { ShowPlan } from './show/plan.js';
import { Snapshot } from './snapshot.js';
import { Status } from './status.js';
import { Sysdump } from './sysdump.js';
import { Validate } from './validate.js';
import { Version } from './version.js';
import { Watch } from './watch.js';
import { WireguardRotateKey } from './wireguard/rotate-key.js';

/** What a command class is to the dispatcher. */
export type CommandClass = Omit<typeof BaseCommand, 'prototype'> &
  (new (
    ...inputs: ConstructorParameters<typeof BaseCommand>
  ) => BaseCommand);

/** Every command by its id; `:` stands where people type a space. A command is one file and one line here. */
export const COMMANDS: Readonly<Record<string, CommandClass>> = {
  adopt: Adopt,
  apply: Apply,
  'checkpoint:ls': CheckpointLs,
  'checkpoint:show': CheckpointShow,
  'checkpoint:timer': CheckpointTimer,
  'config:show': ConfigShow,
  confirm: Confirm,
  destroy: Destroy,
  diff: Diff,
  doctor: Doctor,
  explain: Explain,
  fmt: Fmt,
  history: History,
  init: Init,
  'install-cni': InstallCni,
  'lease:acquire': LeaseAcquire,
  'lease:list': LeaseList,
  'lease:release': LeaseRelease,
  'lease:reserve': LeaseReserve,
  'lease:show': LeaseShow,
  plan: Plan,
  prune: Prune,
  resume: Resume,
  rollback: Rollback,
  schema: Schema,
  show: ShowPlan,
  'show:desired': ShowDesired,
  'show:facts': ShowFacts,
  'show:leases': ShowLeases,
  'show:observed': ShowObserved,
  snapshot: Snapshot,
  status: Status,
  sysdump: Sysdump,
  validate: Validate,
  version: Version,
  watch: Watch,
  'wireguard:rotate-key': WireguardRotateKey,
};
