import type { CloudForwarding } from '../kinds/cloud-forwarding.js';
import { cloudBackend } from './cloud.js';

/** Routes in the tables of an Amazon VPC, to the network interface of each node. */
export const awsVpc = cloudBackend({
  type: 'aws-vpc',
  optionNames: ['RouteTableID'],
  options: (read) => {
    const value = read.json('RouteTableID');
    if (value === undefined || value === null) return { tables: [] };
    const tables = typeof value === 'string' ? [value] : Array.isArray(value) ? read.list('RouteTableID') : undefined;
    if (tables?.every((id) => id !== '') !== true) {
      throw read.refuse('RouteTableID', 'must be the name of a route table or a list of such');
    }
    return { tables };
  },
  // EC2 drops what is neither from nor for the instance until its check of sources and destinations is off.
  local: ({ id }) => [{ kind: 'cloud-forwarding', interface: id, allowed: true } satisfies CloudForwarding],
});
