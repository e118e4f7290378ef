import { tencentBed } from '../support/fake-cloud/tencent.js';
import { cloudSuite } from './suite.js';

cloudSuite({ name: 'tencent-vpc', makeBed: tencentBed });
