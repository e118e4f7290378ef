// Loaded before flan by `lease-memory`: at SIGUSR2 it collects garbage and writes what is left, as JSON, to a file.
'use strict';
const { writeFileSync, renameSync } = require('node:fs');

process.on('SIGUSR2', () => {
  // Twice: what the first one finalises is garbage for the second.
  global.gc();
  global.gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  const file = process.env.FLAN_BENCH_MEMORY;
  writeFileSync(`${file}.new`, JSON.stringify({ liveBytes: heapUsed + external, rssBytes: rss }));
  renameSync(`${file}.new`, file);
});
