import type { Settings } from '../config/settings.js';
import { bridgeFindings } from '../doctor/bridge-filter.js';
import type { Finding } from '../doctor/finding.js';
import { forwardingFindings } from '../doctor/forwarding.js';
import { rpFilterFindings } from '../doctor/rp-filter.js';
import { readSysctls } from '../host/state/read.js';
import type { Link } from '../kinds/link.js';
import type { Warning } from '../model/warning.js';
import type { Prepared } from '../reconcile/compute.js';
import type { Preview } from '../reconcile/preview.js';
import type { Session } from '../reconcile/session.js';
import type { PlanDocument } from '../report/document.js';
import { peersElsewhere } from './doctor/overlay.js';

type Settled = Pick<Settings, 'netns' | 'store'>;

/** What doctor would say of the ground that a plan builds on: a kernel that forwards, and drops nothing of ours. */
export function groundwork(session: Session, settings: Settled): (prepared: Prepared) => readonly Warning[] {
  return (prepared) => {
    const { inputs, desired } = prepared;
    const { network } = inputs;
    const external = Object.values(inputs.external);
    const devices = [...desired.desired.values()]
      .map(({ resource }) => resource)
      .filter((resource): resource is Link => resource.kind === 'link');
    const names = [...external.map(({ dev }) => dev), ...devices.map(({ name }) => name)];
    const host = { sysctls: readSysctls({ netns: settings.netns, devices: names }) };
    const paths = { external, network, devices, elsewhere: () => peersElsewhere(prepared, session) };
    const findings = [
      ...forwardingFindings(network, host),
      ...rpFilterFindings(paths, host),
      ...(settings.store === 'kubernetes' ? bridgeFindings(network, host) : []),
    ];
    return findings.map(warningOf);
  };
}

/** A plan with that, in the place where the plan of a snapshot has it. */
export function withGroundwork({ preview, session, settings }: WithGroundwork): PlanDocument {
  const { document } = preview;
  const first = session.warnings.length;
  const warnings = [...document.warnings];
  warnings.splice(first, 0, ...groundwork(session, settings)(preview));
  return { ...document, warnings };
}

export interface WithGroundwork {
  readonly preview: Preview;
  readonly session: Session;
  readonly settings: Settled;
}

/** `D_RP_FILTER` as `W_RP_FILTER`. */
const warningOf = ({ code, what, fix }: Finding): Warning => ({
  code: `W_${code.slice('D_'.length)}`,
  message: what,
  hint: fix,
});
