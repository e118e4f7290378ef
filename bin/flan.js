#!/usr/bin/env node
// CommonJS and old syntax on purpose: it starts 6 ms sooner than an ES module, and an old Node can read the message.
// biome-ignore-all lint/style/useTemplate: as above
'use strict';

var wanted = [20, 19];
var running = process.versions.node.split('.').map(Number);
if (running[0] < wanted[0] || (running[0] === wanted[0] && running[1] < wanted[1])) {
  console.error(
    'Error E_NODE_VERSION: flan needs Node ' +
      wanted.join('.') +
      ' or newer, this is ' +
      process.versions.node +
      '\n' +
      '  hint:  Install a newer Node, or put one first in PATH.',
  );
  process.exit(78);
} else if (process.argv.length === 3 && (process.argv[2] === '--version' || process.argv[2] === '-V')) {
  console.log('flan ' + require('../package.json').version);
} else {
  require('./load.js').load().main(process.argv.slice(2));
}
