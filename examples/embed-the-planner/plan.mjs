import { conclude, decodeNetwork, kinds, leaseKey, parseAddress, parsePrefix, planText, prepare, surveyOf } from 'flan';

const { network } = decodeNetwork({ Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } }, 'an example');

/** A host with one interface; a real program would ask the machine, or an inventory. */
const facts = {
  hostname: 'node-a',
  links: [
    {
      ...{ index: 2, name: 'eth0', up: true, loopback: false, mtu: 1500 },
      addresses: [
        {
          ...{ address: parseAddress('192.168.10.1'), len: 24, scope: 'global' },
          ...{ permanent: true, deprecated: false, temporary: false },
        },
      ],
    },
  ],
  defaultRoutes: [{ family: 4, dev: 'eth0', metric: 0 }],
  lookups: {},
};

const survey = surveyOf({
  ...{ network, facts, warnings: [], previous: { networks: [] } },
  identity: { node: 'node-a', nodeId: 'id-a' },
  selection: { iface: [], ifaceRegex: [] },
  options: {
    subnetFile: '/run/flannel/subnet.env',
    protocol: 70,
    masquerade: false,
    blackhole: false,
    filter: undefined,
  },
});

function lease(node, subnet, publicIp) {
  const ipv4 = { subnet: parsePrefix(subnet), publicIp: parseAddress(publicIp) };
  return { key: leaseKey({ ipv4: ipv4.subnet }), node, nodeId: `id-${node.at(-1)}`, backendType: 'host-gw', ipv4 };
}

/** The plan that makes a host with these resources one that fits the leases. */
function planFrom(observed, leases) {
  const prepared = prepare({ survey, kinds, listing: { leases, rejected: [] } });
  const world = { observed: new Map(observed.map((one) => [kinds.key(one), one])), foreign: {} };
  return conclude({ prepared, world, kinds, adopt: 'no', store: 'values' });
}

const own = lease('node-a', '10.244.1.0/24', '192.168.10.1');
const first = planFrom([], [own, lease('node-b', '10.244.2.0/24', '192.168.10.2')]);
console.log(planText(first.document));

const carriedOut = first.plan.steps.map(({ after }) => after);
const second = planFrom(carriedOut, [own, lease('node-b', '10.244.2.0/24', '192.168.10.22')]);
console.log(planText(second.document));
