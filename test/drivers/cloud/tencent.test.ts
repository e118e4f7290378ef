import { describe } from 'vitest';
import { cloudClientContract } from '../../contracts/cloud-client.js';
import { tencentBed } from '../../support/fake-cloud/tencent.js';

describe('tencent', () => {
  cloudClientContract(tencentBed);
});
