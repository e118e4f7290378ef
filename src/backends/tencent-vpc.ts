import { cloudBackend } from './cloud.js';
import { cloudKeys } from './cloud-keys.js';

/** Routes in the tables of a VPC of Tencent Cloud, to the private address of each node. */
export const tencentVpc = cloudBackend({
  type: 'tencent-vpc',
  optionNames: ['AccessKeyID', 'AccessKeySecret'],
  options: (read) => ({ tables: [], ...cloudKeys(read) }),
  local: () => [],
});
