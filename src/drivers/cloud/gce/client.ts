import { randomUUID } from 'node:crypto';
import { FlanError } from '../../../errors.js';
import type { CloudEntry } from '../../../kinds/cloud-route.js';
import type { CloudInterface } from '../../../model/cloud.js';
import { contains } from '../../../model/ip.js';
import type { JsonObject } from '../../../model/json.js';
import type { CloudClient, CloudEdge } from '../client.js';
import { CloudError, malformed, reasonOf } from '../cloud-error.js';
import { objectsOf, textOf } from '../json.js';
import { allPages } from '../pages.js';
import { failureOf, type GceCall, gceApi } from './api.js';
import { googleCredentials } from './credentials.js';
import { decodeInstance, decodeRoutes, instanceOf, otherName, PRIORITY, routeName } from './decode.js';
import { gceMetadata } from './metadata.js';

/** Together more than a minute: what GCE takes for a route as a rule is some seconds. */
const OPERATION_LOOKS = 60;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2000;
const PAGE = '500';

interface Place {
  readonly project: string;
  readonly zone: string;
  readonly instance: string;
}

/** Routes of a VPC network of Google's. Its routes cannot be changed: another is made before the one that was is removed. */
export function gceClient(edge: CloudEdge): CloudClient {
  const metadata = gceMetadata(edge);
  let place: Place | undefined;
  const whereAmI = async (signal: AbortSignal): Promise<Place> => {
    place ??= {
      project: await metadata('project/project-id', signal),
      zone: lastOf(await metadata('instance/zone', signal)),
      instance: await metadata('instance/name', signal),
    };
    return place;
  };
  const credentials = googleCredentials(edge, metadata);
  const project = async (signal: AbortSignal): Promise<string> => (await whereAmI(signal)).project;
  const call = gceApi({ edge, credentials, project });
  /** Learned once: who may write routes may not be permitted to read quotas. */
  let quota: { readonly routes: number; readonly limit: number } | undefined;

  const myself = async (signal: AbortSignal) => {
    const { zone, instance } = await whereAmI(signal);
    const path = `zones/${zone}/instances/${instance}`;
    const found = decodeInstance(await call({ method: 'GET', path, permission: 'compute.instances.get' }, signal));
    if (found === undefined) throw malformed('GCE instances.get', 'no selfLink in it');
    return found;
  };

  /** Changes something and waits until it is done. */
  const change = async (request: GceCall, signal: AbortSignal): Promise<void> => {
    // With the same id a request that is sent again is carried out once.
    let operation: JsonObject = await call({ ...request, query: { requestId: randomUUID() } }, signal);
    const name = textOf(operation, 'name');
    if (name === undefined) throw malformed(`GCE ${request.permission}`, 'no operation in it');
    let pauseMs = FIRST_PAUSE_MS;
    for (let looks = 0; operation.status !== 'DONE'; looks++) {
      if (looks === OPERATION_LOOKS)
        throw new CloudError('E_CLOUD_LAG', `GCE operation ${name} does not end`, { retry: true });
      await edge.sleep(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS);
      const path = `global/operations/${name}`;
      operation = await call({ method: 'GET', path, permission: 'compute.globalOperations.get' }, signal);
    }
    const failure = failureOf(operation, request.permission);
    if (failure !== undefined) throw failure;
  };

  const remove = async (entries: readonly CloudEntry[], signal: AbortSignal): Promise<void> => {
    for (const { id } of entries) {
      if (id === undefined) continue;
      const gone: GceCall = { method: 'DELETE', path: `global/routes/${id}`, permission: 'compute.routes.delete' };
      await change(gone, signal).catch((cause: unknown) => {
        if (!['notFound', 'RESOURCE_NOT_FOUND'].includes(reasonOf(cause) ?? '')) throw cause;
      });
    }
  };

  return {
    locate: async (how, signal) => {
      const here = await whereAmI(signal);
      const found = await myself(signal);
      if (how === 'probe') quota = await readQuota(call, signal);
      const shared = found.interfaces.find(({ network }) => network.project !== here.project);
      if (shared !== undefined && found.interfaces.length === 1) {
        throw new FlanError(
          'E_BACKEND',
          `the network ${shared.network.name} belongs to project ${shared.network.project}, and this VM to ${here.project}`,
          {
            hint: 'A route of a shared VPC cannot lead to a VM of another project: use vxlan there.',
          },
        );
      }
      const target = instanceOf(found.selfLink, here.project) ?? `${here.zone}/${here.instance}`;
      const own = found.interfaces.filter(({ network }) => network.project === here.project);
      const interfaces = own.map(
        ({ name, network, addresses }): CloudInterface => ({
          ...{ id: name, target, addresses, network: network.name, networkPrefixes: [] },
          ...{ table: network.name, forwards: found.forwards },
        }),
      );
      const names = [...new Set(own.map(({ network }) => network.name))];
      return {
        ...{ cloud: 'gce', region: here.zone.replace(/-[^-]*$/, ''), instance: here.instance, interfaces, denied: [] },
        tables: names.map((name) => ({ id: name, network: name, routes: 0, ...quota })),
      };
    },

    routes: async ({ tables, networks }, signal) => {
      const { project: mine } = await whereAmI(signal);
      const entries: CloudEntry[] = [];
      await allPages('GCE routes.list', async (pageToken) => {
        const query = { maxResults: PAGE, ...(pageToken && { pageToken }) };
        const page = await call(
          { method: 'GET', path: 'global/routes', query, permission: 'compute.routes.list' },
          signal,
        );
        entries.push(...decodeRoutes(page, mine));
        return textOf(page, 'nextPageToken');
      });
      return entries.filter(
        ({ table, dst }) => tables.includes(table) && networks.some((network) => contains(network, dst)),
      );
    },

    put: async ({ table, dst, target, standing }, signal) => {
      const { project: mine } = await whereAmI(signal);
      const others = standing.filter((entry) => entry.target !== target);
      if (others.length === standing.length) {
        const isTaken = standing.some(({ id }) => id === routeName(dst));
        const body = {
          ...{ name: isTaken ? otherName(dst) : routeName(dst), description: 'pods of one node, made by flan' },
          ...{ destRange: dst, network: `projects/${mine}/global/networks/${table}` },
          ...{ nextHopInstance: instancePath(mine, target), priority: PRIORITY, tags: [] },
        };
        await change({ method: 'POST', path: 'global/routes', body, permission: 'compute.routes.create' }, signal);
      }
      await remove(others, signal);
    },

    remove,
  };
}

/** What is used of the project's quota, where that may be read. */
async function readQuota(call: (request: GceCall, signal: AbortSignal) => Promise<JsonObject>, signal: AbortSignal) {
  try {
    const project = await call({ method: 'GET', path: '', permission: 'compute.projects.get' }, signal);
    const found = objectsOf(project, 'quotas').find((one) => one.metric === 'ROUTES');
    const { usage, limit } = found ?? {};
    return typeof usage === 'number' && typeof limit === 'number' ? { routes: usage, limit } : undefined;
  } catch (cause) {
    if (!(cause instanceof CloudError)) throw cause;
    return undefined; // only for a warning
  }
}

/** The way back from `instanceOf`. */
function instancePath(project: string, target: string): string {
  const [name = '', zone = '', other = project] = target.split('/').reverse();
  return `projects/${other}/zones/${zone}/instances/${name}`;
}

const lastOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
