import { dataplaneCase } from '../dataplane-case.js';

export const benchCase = dataplaneCase({
  name: 'udp-ping',
  about: 'backend udp: mean round trip of a flood of pings, against the C program',
  unit: 'us',
  rounds: 5,
  carriers: ['flan', 'reference'],
  measure: (bench) => bench.pingMicroseconds(5000),
  judge: ({ flan, reference }) => [
    {
      ...{ name: 'round trip', value: flan, reference, ratio: flan / reference },
      ...{ goal: '<= 2 x', ok: flan <= 2 * reference },
    },
  ],
});
