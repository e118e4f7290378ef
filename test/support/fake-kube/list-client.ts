import { request } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { annotationNames } from '../../../src/leases/kubernetes/annotations.js';
import { agentFor } from '../../../src/leases/kubernetes/credentials.js';
import { apiClient } from '../../../src/leases/kubernetes/http.js';
import { listScanner } from '../../../src/leases/kubernetes/list-stream.js';
import { leaseOfNode, type NodeLease } from '../../../src/leases/kubernetes/node.js';
import { nodeFromBytes } from '../../../src/leases/kubernetes/node-bytes.js';
import { kubernetesStore } from '../../../src/leases/kubernetes/store.js';

// list-client.ts listed|plain|parsed|reduced, with the server's { url, ca } in SERVER. Says in JSON how long that took,
// how much memory the process ever had, and how many Nodes it saw.
const { url, ca } = JSON.parse(process.env.SERVER ?? '{}') as { url: string; ca: string };
const agent = agentFor(url, { ca });
const headers = { authorization: 'Bearer token-1' };
const signal = new AbortController().signal;

interface Result {
  readonly elapsedMs: number;
  readonly count: number;
}

async function listed(): Promise<Result> {
  const credentials = {
    server: url,
    access: async () => ({ server: url, headers, agent }),
    invalidate: () => {},
    close: () => {},
  };
  const decodeNetwork = () => {
    throw new Error('there is no network config here');
  };
  const store = kubernetesStore({
    client: apiClient({ credentials, timeoutMs: 60_000 }),
    node: { type: 'name', name: 'node-00000' },
    netConfigPath: '/nonexistent/net-conf.json',
    decodeNetwork,
  });
  const from = performance.now();
  const { leases } = await store.list(signal);
  return { elapsedMs: performance.now() - from, count: leases.length };
}

/** Fetched over the same connection and parsed as a whole, page by page: what one would write first. */
async function plain(): Promise<Result> {
  const from = performance.now();
  let count = 0;
  for await (const page of pages()) count += itemsIn(page);
  return { elapsedMs: performance.now() - from, count };
}

/** What is timed is JSON.parse alone: the pages are there. */
async function parsed(): Promise<Result> {
  const all = await allPages();
  const from = performance.now();
  const count = all.reduce((sum, page) => sum + itemsIn(page), 0);
  return { elapsedMs: performance.now() - from, count };
}

/** What is timed is reducing to leases alone, from chunks as a connection gives them. */
async function reduced(): Promise<Result> {
  const all = await allPages();
  const names = annotationNames();
  const leases: NodeLease[] = [];
  const from = performance.now();
  for (const page of all) {
    const scanner = listScanner((bytes) => {
      leases.push(leaseOfNode(nodeFromBytes(bytes, { from: 0, to: bytes.length }, names.prefix), names, [4, 6]));
    });
    for (let at = 0; at < page.length; at += 16_384) scanner.push(page.subarray(at, at + 16_384));
    scanner.end();
  }
  const elapsedMs = performance.now() - from;
  return { elapsedMs, count: leases.filter((lease) => lease.type === 'lease').length };
}

const itemsIn = (page: Buffer): number => (JSON.parse(page.toString()) as { items: unknown[] }).items.length;

async function allPages(): Promise<readonly Buffer[]> {
  const all: Buffer[] = [];
  for await (const page of pages()) all.push(page);
  return all;
}

async function* pages(): AsyncGenerator<Buffer> {
  for (let next = ''; ; ) {
    const page = await get(`/api/v1/nodes?limit=500${next && `&continue=${next}`}`);
    yield page;
    next = /"continue":"([^"]*)"/.exec(page.subarray(0, 1000).toString())?.[1] ?? '';
    if (next === '') return;
  }
}

const get = (path: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    request(`${url}${path}`, { agent, headers }, (response) => resolve(buffer(response)))
      .on('error', reject)
      .end();
  });

const result = await { listed, plain, parsed, reduced }[process.argv[2] as 'listed']();
agent.destroy();
process.stdout.write(JSON.stringify({ ...result, maxRssMiB: process.resourceUsage().maxRSS / 1024 }));
