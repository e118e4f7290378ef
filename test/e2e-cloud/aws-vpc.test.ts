import { awsBed } from '../support/fake-cloud/aws.js';
import { cloudSuite } from './suite.js';

cloudSuite({ name: 'aws-vpc', makeBed: awsBed });
