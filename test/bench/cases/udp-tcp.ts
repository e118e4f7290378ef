import { atLeast, dataplaneCase } from '../dataplane-case.js';

export const benchCase = dataplaneCase({
  name: 'udp-tcp',
  about: 'backend udp: one TCP stream, against a C program that moves packet by packet, and against kernel vxlan',
  unit: 'Mbit/s',
  rounds: 5,
  carriers: ['flan', 'reference', 'vxlan'],
  measure: (bench) => bench.tcp(2),
  judge: ({ flan, reference, vxlan }) => [
    atLeast('one stream against the plain program', 6, { value: flan, reference }),
    // Within 1.5 x of what the kernel does without leaving itself.
    atLeast('one stream against kernel vxlan', 1 / 1.5, { value: flan, reference: vxlan }),
  ],
});
