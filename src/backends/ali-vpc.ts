import { cloudBackend } from './cloud.js';
import { cloudKeys } from './cloud-keys.js';

/** Routes in the tables of a VPC of Alibaba Cloud, to the instance that each node is. */
export const aliVpc = cloudBackend({
  type: 'ali-vpc',
  optionNames: ['AccessKeyID', 'AccessKeySecret'],
  options: (read) => ({ tables: [], ...cloudKeys(read) }),
  local: () => [],
});
