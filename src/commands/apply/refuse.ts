import type { Settings } from '../../config/settings.js';
import type { Network } from '../../model/network.js';
import type { Plan } from '../../planner/plan.js';
import { Checkpoints, placeOf } from '../../reconcile/checkpoint.js';
import { systemClock } from '../../reconcile/clock.js';
import { refuseWhileWaiting } from '../../reconcile/confirm.js';
import { refuseProtected } from '../../reconcile/risk.js';

/**
 * What no command may do: undo what is protected, or change what somebody is about to roll back.
 * @throws {FlanError} E_PENDING_CONFIRM, E_PROTECTED
 */
export function refuseHere(
  plan: Pick<Plan, 'steps'>,
  { settings, network }: { readonly settings: Settings; readonly network: Network },
): void {
  const place = placeOf({ netns: settings.netns, network });
  refuseWhileWaiting(new Checkpoints(settings.runtimeDir), place, systemClock.wallMs());
  refuseProtected(plan, settings.protect);
}
