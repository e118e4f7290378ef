#!/usr/bin/env node
// flanneld's name for `flan watch`: takes flanneld's command line and variables as they are, and starts as flanneld
// does, with leases in etcd unless told otherwise and over what an earlier flanneld left. Not among the package's
// commands, since it would stand in for a flanneld that is installed: link it to where your units look.
'use strict';

process.env.FLAN_AS = 'flanneld';
const isFlag = (word, ...names) => names.some((name) => word === `-${name}` || word === `--${name}`);
const words = process.argv.slice(2).map((word) => (isFlag(word, 'help') ? '--help' : word));
const asksVersion = words.some((word) => isFlag(word, 'version', 'version=true'));
process.argv.splice(2, words.length, ...(asksVersion ? ['--version'] : ['watch', ...words]));
require('./flan.js');
