import { atLeast, dataplaneCase } from '../dataplane-case.js';

export const benchCase = dataplaneCase({
  name: 'udp-pps',
  about: 'backend udp: datagrams of 64 bytes that come through per second, against the C program',
  unit: 'packets/s',
  rounds: 5,
  carriers: ['flan', 'reference'],
  measure: (bench) => bench.packetsPerSecond(2),
  judge: ({ flan, reference }) => [
    atLeast('64-byte datagrams', 0.9, { value: flan, reference }),
    atLeast('64-byte datagrams, the aim', 1.2, { value: flan, reference }),
  ],
});
