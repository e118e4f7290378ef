import { makeNode } from './objects.js';
import { fakeKube } from './server.js';

// serve.ts NODES BYTES: an API server with so many Nodes of that size, until its stdin ends. Says where on stdout.
const [count = 0, bytes = 0] = process.argv.slice(2).map(Number);
const P = 'flannel.alpha.coreos.com/';
const kube = await fakeKube({ streams: false });
for (let i = 0; i < count; i++) {
  const podCIDRs = [`10.${64 + (i >> 8)}.${i & 255}.0/24`];
  const annotations = {
    [`${P}kube-subnet-manager`]: 'true',
    [`${P}backend-type`]: 'vxlan',
    [`${P}backend-data`]: `{"VNI":1,"VtepMAC":"0e:2a:11:22:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}"}`,
    [`${P}public-ip`]: `192.168.${i >> 8}.${i & 255}`,
  };
  kube.nodes.put(makeNode({ name: `node-${String(i).padStart(5, '0')}`, podCIDRs, annotations, bytes }));
}
process.stdout.write(`${JSON.stringify({ url: kube.url, ca: kube.certificates.ca })}\n`);
process.stdin.resume().on('end', () => void kube.close());
