// Loads dist/ through V8's code cache: compiling the bundle would be most of the start-up time. Each command has a
// cache file of its own, since each uses other functions. A cache that is not right in any way is ignored, never an error.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const zlib = require('node:zlib');

const DIST = path.join(__dirname, '..', 'dist');
const HEADER_BYTES = 16;
const MAGIC = 0x666c616e; // "flan"
/** Much is bundled that imports these and never calls them, and each takes a millisecond or two to load. */
const LATE = new Set(
  [
    'child_process',
    'crypto',
    'dgram',
    'dns',
    'fs/promises',
    'http',
    'https',
    'net',
    'perf_hooks',
    'readline',
    'readline/promises',
    'tls',
    'v8',
    'worker_threads',
  ].flatMap((name) => [name, `node:${name}`]),
);

/** The last V8 that knows --interrupt-budget, of Node 20 and 21. Others complain about it on stderr, and count calls. */
const LAST_WITH_BUDGET = 11;

/**
 * What V8 is told for a command. A daemon's start runs much code some thousand times and then no more: optimising it takes
 * longer than it saves, with 5,000 leases a third of a second on the compiler's threads (compile-later.ts ends this). And
 * it makes much that is dropped at once: a young generation that stays at 1 MiB saves 40 MiB and costs no time.
 *
 * V8 takes cached code only under the flags that it was made under: so they are set before the first chunk, and again
 * when the cache is written.
 */
function setFlags(command) {
  if (command !== 'watch') return;
  const { setFlagsFromString } = require('node:v8');
  setFlagsFromString('--semi-space-growth-factor=1');
  if (parseInt(process.versions.v8, 10) <= LAST_WITH_BUDGET) setFlagsFromString('--interrupt-budget=1000000');
}

/** Runs an entry of dist/ and returns its exports. */
function load(entry) {
  const { version } = require('../package.json');
  const command = /^[a-z][a-z-]{0,30}$/.test(process.argv[2] || '') ? process.argv[2] : 'help';
  setFlags(command);
  // Two installations would go on taking each other's place.
  const place = zlib.crc32(DIST).toString(16);
  const folder = cacheFolder(`${version}-${process.version}-${process.arch}-${place}`);
  const file = folder && path.join(folder, `${command}.bin`);
  const cached = (file && readCache(folder, file)) || new Map();
  const modules = new Map();
  const scripts = new Map();
  let stale = false;

  const chunkRequire = (name) =>
    name.startsWith('./') ? loadChunk(name.slice(2)) : LATE.has(name) ? late(name) : require(name);
  Object.assign(chunkRequire, { resolve: require.resolve, main: require.main, cache: require.cache });

  function loadChunk(name) {
    const known = modules.get(name);
    if (known) return known.exports;
    const filename = path.join(DIST, name);
    const { size, mtimeMs } = fs.statSync(filename);
    // The build writes ASCII only, and one byte per character is what V8 keeps.
    const source = fs.readFileSync(filename, 'latin1');
    const hit = cached.get(name);
    const cachedData = hit && hit.size === size && hit.mtimeMs === mtimeMs ? hit.data : undefined;
    const wrapper = `(function (exports, require, module, __filename, __dirname) { ${source}\n})`;
    const script = new vm.Script(wrapper, { filename, cachedData });
    if (!cachedData || script.cachedDataRejected) stale = true;
    scripts.set(name, { script, size, mtimeMs });
    const module = { exports: {}, id: filename, filename, loaded: false };
    modules.set(name, module);
    script.runInThisContext()(module.exports, chunkRequire, module, filename, DIST);
    module.loaded = true;
    module.exports = settled(module.exports);
    return module.exports;
  }

  if (file) {
    // At the end, when V8 has compiled all that this command uses. Codes above 2 are failures, which use other things.
    process.on('exit', (code) => {
      if (!stale || code > 2) return;
      setFlags(command);
      writeCache(folder, file, scripts);
    });
  }
  return loadChunk(entry);
}

/**
 * esbuild exports each name through two getters, as it could be assigned later. In our bundle none is that has a value
 * once its chunk ran, and a plain property spares two calls at every use.
 */
function settled(exports) {
  const plain = {};
  for (const name of Object.keys(exports)) {
    const value = exports[name];
    if (value === undefined) Object.defineProperty(plain, name, { enumerable: true, get: () => exports[name] });
    else plain[name] = value;
  }
  if (exports.__esModule) Object.defineProperty(plain, '__esModule', { value: true });
  return plain;
}

/** A built-in module that is loaded when something of it is first used. */
function late(name) {
  let target;
  const loaded = () => (target ??= require(name));
  return new Proxy(
    {},
    {
      get: (_, key) => loaded()[key],
      has: (_, key) => key in loaded(),
      ownKeys: () => Reflect.ownKeys(loaded()),
      getOwnPropertyDescriptor: (_, key) => {
        const found = Reflect.getOwnPropertyDescriptor(loaded(), key);
        return found && { ...found, configurable: true };
      },
    },
  );
}

/** systemd's CACHE_DIRECTORY, else the XDG place; undefined when there is neither. */
function cacheFolder(name) {
  const { CACHE_DIRECTORY, XDG_CACHE_HOME, HOME } = process.env;
  if (CACHE_DIRECTORY) return path.join(CACHE_DIRECTORY.split(':')[0], name);
  if (XDG_CACHE_HOME && path.isAbsolute(XDG_CACHE_HOME)) return path.join(XDG_CACHE_HOME, 'flan', name);
  return HOME && path.isAbsolute(HOME) ? path.join(HOME, '.cache', 'flan', name) : undefined;
}

/** Code is run from here, so nobody else may be able to write: neither others nor the group, nor another owner. */
const isOurs = (stat) => stat.uid === process.geteuid() && (stat.mode & 0o022) === 0;

function readCache(folder, file) {
  let fd;
  try {
    const stat = fs.lstatSync(folder);
    if (!stat.isDirectory() || !isOurs(stat)) return undefined;
    fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    const fileStat = fs.fstatSync(fd);
    if (!fileStat.isFile() || !isOurs(fileStat)) return undefined;
    return decode(fs.readFileSync(fd));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** Layout: magic, CRC of all that follows it, length of the index, 0; the index as JSON; the chunks' data. */
function decode(bytes) {
  if (bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(4) !== zlib.crc32(bytes.subarray(8))) return undefined;
  let offset = HEADER_BYTES + bytes.readUInt32LE(8);
  const chunks = new Map();
  for (const { name, size, mtimeMs, length } of JSON.parse(bytes.toString('latin1', HEADER_BYTES, offset))) {
    chunks.set(name, { size, mtimeMs, data: bytes.subarray(offset, offset + length) });
    offset += length;
  }
  return chunks;
}

function encode(scripts) {
  const chunks = [...scripts].map(([name, { script, size, mtimeMs }]) => ({
    name,
    size,
    mtimeMs,
    data: script.createCachedData(),
  }));
  const index = Buffer.from(JSON.stringify(chunks.map(({ data, ...rest }) => ({ ...rest, length: data.length }))));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(index.length, 8);
  const bytes = Buffer.concat([header, index, ...chunks.map(({ data }) => data)]);
  bytes.writeUInt32LE(zlib.crc32(bytes.subarray(8)), 4);
  return bytes;
}

function writeCache(folder, file, scripts) {
  const temporary = `${file}.${process.pid}`;
  try {
    // Under sudo, HOME may be somebody else's: what we leave there could neither be used nor removed by them.
    const missing = [];
    let above = folder;
    for (; !fs.existsSync(above); above = path.dirname(above)) missing.unshift(above);
    if (!isOurs(fs.statSync(above))) return;
    // One by one: mkdir with `recursive` never returns where nothing can be made, as in /proc.
    for (const directory of missing) fs.mkdirSync(directory, { mode: 0o700 });
    fs.writeFileSync(temporary, encode(scripts), { flag: 'wx', mode: 0o600 });
    fs.renameSync(temporary, file);
  } catch {
    try {
      fs.rmSync(temporary, { force: true });
    } catch {
      // A disk that is full or read-only: the next run compiles again.
    }
  }
}

module.exports = { load };
