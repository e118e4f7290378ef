import { atLeast, dataplaneCase } from '../dataplane-case.js';

export const benchCase = dataplaneCase({
  name: 'udp-tcp-plain',
  about: 'backend udp: one TCP stream over an underlay that carries single datagrams, against the C program',
  unit: 'Mbit/s',
  rounds: 5,
  options: { segmentation: 'off' },
  carriers: ['flan', 'reference'],
  measure: (bench) => bench.tcp(2),
  judge: ({ flan, reference }) => [atLeast('one stream, single datagrams', 3, { value: flan, reference })],
});
