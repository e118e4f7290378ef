import type { BaseCommand } from './base.js';

/** What a command class is to the dispatcher. */
export type CommandClass = Omit<typeof BaseCommand, 'prototype'> &
  (new (
    ...inputs: ConstructorParameters<typeof BaseCommand>
  ) => BaseCommand);

/** Every command by its id; `:` stands where people type a space. A command is one file and one line here. */
export const COMMANDS: Readonly<Record<string, () => Promise<CommandClass>>> = {
  adopt: async () => (await import('./adopt.js')).Adopt,
  apply: async () => (await import('./apply.js')).Apply,
  'checkpoint:ls': async () => (await import('./checkpoint/ls.js')).CheckpointLs,
  'checkpoint:show': async () => (await import('./checkpoint/show.js')).CheckpointShow,
  'checkpoint:timer': async () => (await import('./checkpoint/timer.js')).CheckpointTimer,
  'config:show': async () => (await import('./config/show.js')).ConfigShow,
  confirm: async () => (await import('./confirm.js')).Confirm,
  destroy: async () => (await import('./destroy.js')).Destroy,
  diff: async () => (await import('./diff.js')).Diff,
  doctor: async () => (await import('./doctor.js')).Doctor,
  explain: async () => (await import('./explain.js')).Explain,
  fmt: async () => (await import('./fmt.js')).Fmt,
  history: async () => (await import('./history.js')).History,
  init: async () => (await import('./init.js')).Init,
  'install-cni': async () => (await import('./install-cni.js')).InstallCni,
  'lease:acquire': async () => (await import('./lease/acquire.js')).LeaseAcquire,
  'lease:list': async () => (await import('./lease/list.js')).LeaseList,
  'lease:release': async () => (await import('./lease/release.js')).LeaseRelease,
  'lease:reserve': async () => (await import('./lease/reserve.js')).LeaseReserve,
  'lease:show': async () => (await import('./lease/show.js')).LeaseShow,
  plan: async () => (await import('./plan.js')).Plan,
  prune: async () => (await import('./prune.js')).Prune,
  resume: async () => (await import('./resume.js')).Resume,
  rollback: async () => (await import('./rollback.js')).Rollback,
  schema: async () => (await import('./schema.js')).Schema,
  show: async () => (await import('./show/plan.js')).ShowPlan,
  'show:desired': async () => (await import('./show/desired.js')).ShowDesired,
  'show:facts': async () => (await import('./show/facts.js')).ShowFacts,
  'show:leases': async () => (await import('./show/leases.js')).ShowLeases,
  'show:observed': async () => (await import('./show/observed.js')).ShowObserved,
  snapshot: async () => (await import('./snapshot.js')).Snapshot,
  status: async () => (await import('./status.js')).Status,
  sysdump: async () => (await import('./sysdump.js')).Sysdump,
  validate: async () => (await import('./validate.js')).Validate,
  version: async () => (await import('./version.js')).Version,
  watch: async () => (await import('./watch.js')).Watch,
  'wireguard:rotate-key': async () => (await import('./wireguard/rotate-key.js')).WireguardRotateKey,
};

/** All of them, for what tells of them: the manifest, the manual. */
export async function loadCommands(): Promise<Readonly<Record<string, CommandClass>>> {
  const loaded = Object.entries(COMMANDS).map(async ([id, load]) => [id, await load()] as const);
  return Object.fromEntries(await Promise.all(loaded));
}
