import { gceBed } from '../support/fake-cloud/gce.js';
import { cloudSuite } from './suite.js';

cloudSuite({ name: 'gce', makeBed: gceBed });
