import { aliBed } from '../support/fake-cloud/ali.js';
import { cloudSuite } from './suite.js';

cloudSuite({ name: 'ali-vpc', makeBed: aliBed });
