// A stand-in for EC2 and its metadata service with one instance, one route table and no memory: enough to see what flan
// does. It believes everybody. `node ec2.mjs routes` prints the table, `node ec2.mjs set?DESTINATION=INTERFACE` changes
// it behind flan's back.
import { createServer } from 'node:http';

const MAC = '02:00:00:00:00:01';
const METADATA = {
  'instance-id': 'i-0a1b2c3d',
  'placement/region': 'eu-central-1',
  'placement/availability-zone': 'eu-central-1a',
  [`network/interfaces/macs/${MAC}/vpc-ipv4-cidr-blocks`]: '192.168.0.0/16',
  'iam/security-credentials/': 'flan-node',
  'iam/security-credentials/flan-node': JSON.stringify({
    AccessKeyId: 'ASIAEXAMPLE',
    SecretAccessKey: 'x',
    Token: 'x',
  }),
};
const RUNS = new Set(['eni-0000a', 'eni-0000b']);
const routes = new Map([['10.244.2.0/24', 'eni-0000b']]);
let isChecked = true;

const item = (members) => `<item>${elements(members)}</item>`;
const elements = (members) =>
  Object.entries(members)
    .map(([name, value]) => `<${name}>${value}</${name}>`)
    .join('');

const describeInstances = () =>
  elements({
    reservationSet: item({
      instancesSet: item({
        instanceId: 'i-0a1b2c3d',
        networkInterfaceSet: item({
          ...{ networkInterfaceId: 'eni-0000a', vpcId: 'vpc-1', subnetId: 'subnet-1', macAddress: MAC },
          ...{ sourceDestCheck: isChecked, privateIpAddressesSet: item({ privateIpAddress: '192.168.10.1' }) },
        }),
      }),
    }),
  });

const describeRouteTables = () => {
  const made = [...routes].map(([destinationCidrBlock, networkInterfaceId]) =>
    item({
      ...{ destinationCidrBlock, networkInterfaceId, origin: 'CreateRoute' },
      state: RUNS.has(networkInterfaceId) ? 'active' : 'blackhole',
    }),
  );
  return elements({
    routeTableSet: item({
      ...{ routeTableId: 'rtb-1', vpcId: 'vpc-1', routeSet: made.join('') },
      associationSet: item({ main: 'false', subnetId: 'subnet-1' }),
    }),
  });
};

function act(form) {
  const [destination, target] = [form.get('DestinationCidrBlock'), form.get('NetworkInterfaceId')];
  switch (form.get('Action')) {
    case 'DescribeInstances':
      return describeInstances();
    case 'DescribeRouteTables':
      return describeRouteTables();
    case 'CreateRoute':
    case 'ReplaceRoute':
      routes.set(destination, target);
      return elements({ return: true });
    case 'DeleteRoute':
      routes.delete(destination);
      return elements({ return: true });
    case 'ModifyNetworkInterfaceAttribute':
      isChecked = form.get('SourceDestCheck.Value') === 'true';
      return elements({ return: true });
  }
  return undefined;
}

const failure = (code) =>
  `<Response><Errors><Error>${elements({ Code: code, Message: code })}</Error></Errors></Response>`;

function serve() {
  createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url, 'http://ec2');
      const answer = (status, text) => response.writeHead(status).end(text);
      if (pathname === '/latest/api/token') return answer(200, 'token');
      if (pathname.startsWith('/latest/meta-data/')) {
        const found = METADATA[pathname.slice('/latest/meta-data/'.length)];
        return answer(found === undefined ? 404 : 200, found);
      }
      if (pathname === '/routes')
        return answer(
          200,
          [...routes]
            .map((route) => `${route.join(' -> ')}\n`)
            .sort()
            .join(''),
        );
      if (pathname === '/set') {
        for (const [destination, target] of searchParams) routes.set(destination, target);
        return answer(200, '');
      }
      const form = new URLSearchParams(body);
      if (form.get('DryRun') === 'true') return answer(412, failure('DryRunOperation'));
      const done = act(form);
      return done === undefined ? answer(400, failure('InvalidAction')) : answer(200, `<Answer>${done}</Answer>`);
    });
  }).listen(8080, '127.0.0.1');
}

/** Asks the one that serves, which may still be starting. */
async function ask(what) {
  for (;;) {
    try {
      return await (await fetch(`http://127.0.0.1:8080/${what}`)).text();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

const [what] = process.argv.slice(2);
if (what === undefined) serve();
else process.stdout.write(await ask(what));
