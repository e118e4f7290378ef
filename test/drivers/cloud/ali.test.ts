import { describe } from 'vitest';
import { cloudClientContract } from '../../contracts/cloud-client.js';
import { aliBed } from '../../support/fake-cloud/ali.js';

describe('ali', () => {
  cloudClientContract(aliBed);
});
