import { describe } from 'vitest';
import { cloudClientContract } from '../../contracts/cloud-client.js';
import { gceBed } from '../../support/fake-cloud/gce.js';

describe('gce', () => {
  cloudClientContract(gceBed);
});
