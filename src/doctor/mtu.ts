import { contains } from '../model/ip.js';
import { subnetsOf } from '../model/lease.js';
import type { DoctorFacts, OverlayFacts } from './facts.js';
import { type Check, type Finding, found, NO_OVERLAY } from './finding.js';

/** What every IPv6 link must carry. @see RFC 8200 §5 */
const IPV6_MIN = 1280;

const overlayMtu = ({ mtu }: OverlayFacts): number =>
  Math.min(...mtu.map(({ underlay, overhead }) => underlay - overhead));

/** Whether what pods send fits through the tunnel, and the tunnel's packets through the underlay. */
export const mtu: Check = {
  name: 'MTU',
  judge: (facts) => {
    const { overlay } = facts;
    if (overlay === undefined) return NO_OVERLAY;
    const fits = overlayMtu(overlay);
    const words = overlay.mtu.map(
      ({ family, dev, underlay, overhead }) =>
        `IPv${family} ${underlay - overhead} (${dev} ${underlay}, overhead ${overhead})`,
    );
    const findings = [...tooSmall(overlay), ...devices(overlay), ...bridges(overlay, fits), ...written(facts, fits)];
    return found(findings, words.join(', '));
  },
};

const tooSmall = ({ mtu: all, network }: OverlayFacts): Finding[] =>
  network.ipv6 === undefined
    ? []
    : all
        .filter(({ underlay, overhead }) => underlay - overhead < IPV6_MIN)
        .map(({ family, dev, underlay, overhead }) => ({
          code: 'D_MTU_IPV6',
          severity: 'error',
          what: `over IPv${family} of ${dev} ${underlay - overhead} bytes are left (MTU ${underlay}, overhead ${overhead}): IPv6 needs ${IPV6_MIN}`,
          fix: `Raise the MTU of ${dev} to ${IPV6_MIN + overhead} or more, or choose another interface with --iface.`,
        }));

/** A device of ours that lets through more than the underlay takes, until an apply. */
const devices = ({ devices: wanted, links }: OverlayFacts): Finding[] =>
  wanted.flatMap(({ name, mtu: right }): Finding[] => {
    const there = links.find((link) => link.name === name);
    if (there === undefined || there.mtu <= right) return [];
    return [
      {
        code: 'D_MTU_DEVICE',
        severity: 'error',
        what: `${name} has MTU ${there.mtu}, but only ${right} bytes fit through the underlay: bigger packets are lost`,
        fix: 'Run `flan apply`.',
      },
    ];
  });

/** The bridge of the pods, by its address in the own subnet, whoever made it. */
function bridges({ links, own, devices: ours }: OverlayFacts, fits: number): Finding[] {
  const subnets = own === undefined ? [] : subnetsOf(own);
  return links
    .filter(({ name, mtu: size }) => size > fits && !ours.some((device) => device.name === name))
    .filter(({ addresses }) => addresses.some(({ address }) => subnets.some((subnet) => contains(subnet, address))))
    .map(({ name, mtu: size }) => ({
      code: 'D_MTU_BRIDGE',
      severity: 'warning',
      what: `${name} has MTU ${size}, more than the ${fits} that fit through the overlay: big packets of pods are fragmented or lost`,
      fix: `Run \`ip link set ${name} mtu ${fits}\`; new pods get it from FLANNEL_MTU in subnet.env.`,
    }));
}

function written({ subnetEnv }: DoctorFacts, fits: number): Finding[] {
  if (subnetEnv.mtu === undefined || subnetEnv.mtu === fits) return [];
  return [
    {
      code: 'D_MTU_WRITTEN',
      severity: subnetEnv.mtu > fits ? 'error' : 'warning',
      what: `${subnetEnv.path} says FLANNEL_MTU=${subnetEnv.mtu}, but ${fits} bytes fit through the overlay`,
      fix: 'Run `flan apply`; pods that run keep their MTU until they are started anew.',
    },
  ];
}
