import { asFlanError, FlanError } from '../errors.js';
import { type Offload, offloadKey } from '../kinds/offload.js';
import { CommandSocket } from '../netlink/command.js';
import { NetlinkError, refusal } from '../netlink/errors.js';
import { MonitorSocket } from '../netlink/monitor.js';
import { NETLINK_GENERIC } from '../netlink/wire/constants.js';
import {
  decodeFeatures,
  ETHTOOL_FAMILY,
  ETHTOOL_MONITOR_GROUP,
  getFeatures,
  MSG_FEATURES_NTF,
  setFeature,
} from '../netlink/wire/ethtool.js';
import { decodeGenlFamily, type GenlFamily, getGenlFamily } from '../netlink/wire/genl.js';
import type { Step } from '../planner/plan.js';
import type { Driver, Notice, Outcome, Scope } from './driver.js';

/** The kernel's names of features. @see ethtool(8) -k */
const FEATURE: Readonly<Record<Offload['feature'], string>> = { 'tx-checksum': 'tx-checksum-ip-generic' };

interface Ethtool {
  readonly socket: CommandSocket;
  readonly family: GenlFamily & { readonly id: number };
}

/** @throws {FlanError} E_UNSUPPORTED before Linux 5.6 */
function openEthtool(netns: string | undefined): Ethtool {
  const socket = CommandSocket.open({ netns, protocol: NETLINK_GENERIC });
  const request = getGenlFamily(ETHTOOL_FAMILY);
  const family = socket.tryGet(request, ({ bytes, offset, length }) => decodeGenlFamily(bytes, offset, length));
  if (!(family instanceof NetlinkError) && family.id !== undefined) {
    return { socket, family: { ...family, id: family.id } };
  }
  socket.close();
  throw new FlanError('E_UNSUPPORTED', 'this kernel does not offer ethtool over netlink (Linux 5.6 does)', {
    hint: 'Remove DisableTxChecksumOffload from the Backend, or switch the offload off with ethtool(8) yourself.',
  });
}

/** Offloads of our links, over generic netlink. Opens nothing until one is desired. */
export function offloadDriver({ netns }: { readonly netns?: string | undefined } = {}): Driver {
  let opened: Ethtool | undefined;
  let monitor: MonitorSocket | undefined;
  const ethtool = (): Ethtool => {
    opened ??= openEthtool(netns);
    return opened;
  };

  /** @returns undefined when there is no such link */
  const read = ({ dev, feature }: Offload): Offload | undefined => {
    const { socket, family } = ethtool();
    const request = getFeatures({ familyId: family.id, dev });
    const found = socket.tryGet(request, ({ bytes, offset, length }) => decodeFeatures(bytes, offset, length));
    if (found instanceof NetlinkError) {
      if (found.code === 'ENODEV') return undefined;
      throw refusal(request, found);
    }
    const isOn = found.active?.bits?.some(({ name }) => name === FEATURE[feature]) ?? false;
    return { kind: 'offload', dev, feature, state: isOn ? 'on' : 'off' };
  };

  const write = (step: Step): Outcome => {
    // It comes and goes with its link.
    if (step.action === 'delete') return { step, status: 'done' };
    const { dev, feature, state } = step.after as Offload;
    try {
      const { socket, family } = ethtool();
      socket.perform(setFeature({ familyId: family.id, dev, feature: FEATURE[feature], state }));
      return { step, status: 'done' };
    } catch (cause) {
      return { step, status: 'failed', error: asFlanError(cause) };
    }
  };

  const follow = async (scope: Scope, tell: (notice: Notice) => void, signal: AbortSignal): Promise<void> => {
    const wanted = scope.named as readonly Offload[];
    if (wanted.length === 0) return;
    const { family, socket } = ethtool();
    const group = family.groups?.find(({ name }) => name === ETHTOOL_MONITOR_GROUP)?.id;
    if (group === undefined) return;
    monitor = MonitorSocket.open({
      netns,
      protocol: NETLINK_GENERIC,
      groups: [group],
      ignorePortIds: new Set([socket.portId]),
      onMessage: ({ bytes, offset, length }) => {
        if (bytes[offset] !== MSG_FEATURES_NTF) return;
        const dev = decodeFeatures(bytes, offset, length).header?.name;
        // Our own changes make notices too, and not in our name: what is told is what is there now.
        for (const one of wanted.filter((each) => each.dev === dev)) {
          const resource = read(one);
          const key = offloadKey(one.dev, one.feature);
          tell(resource === undefined ? { type: 'gone', key } : { type: 'seen', key, resource });
        }
      },
      onOverrun: () => tell({ type: 'doubt', why: 'events about offloads were lost (ENOBUFS)' }),
      onError: (error) => tell({ type: 'doubt', why: asFlanError(error).message }),
    });
    signal.addEventListener('abort', () => monitor?.close(), { once: true });
  };

  return {
    name: 'offload',
    kinds: ['offload'],
    observe: async ({ named }) => ({
      resources: (named as readonly Offload[]).flatMap((wanted) => read(wanted) ?? []),
      foreign: {},
    }),
    perform: async (steps) => steps.map(write),
    follow,
    close: () => {
      monitor?.close();
      opened?.socket.close();
    },
  };
}
