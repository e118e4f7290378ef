// Loads dist/ through V8's code cache: compiling the bundle would be most of the start-up time. Each command has a pack
// of its own, since each uses other functions: the chunks that it loads, as one script, and what V8 compiled of it. The
// first run of a command gathers the chunks, the second what is compiled, the third is quick. A pack that does not fit
// or is damaged is ignored and written anew, never an error.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const zlib = require('node:zlib');

const DIST = path.join(__dirname, '..', 'dist');
/** Whatever a new build changes, this chunk comes out new: it ends with a sum of all the others. */
const ENTRY = 'cli.cjs';
const MAGIC = 0x666c6132; // "fla2"
/** Magic, length of the source, length of V8's data, CRC of both. */
const HEADER_BYTES = 16;
/** How long after its last change a file may still be about to become a pack. */
const WRITING_MS = 3_600_000;
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
    'module',
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
 * How many bytes of bytecode run before V8 thinks of optimising a function, 67584 where nothing is said, for commands
 * that look at every lease: they run much code some thousand times and then no more, and optimising it takes longer than
 * it saves. With 1,000 leases a plan takes 5 ms less, and 35 ms less of the compiler's threads. A daemon's start with
 * 5,000 saves a third of a second on these (compile-later.ts ends this).
 */
const BUDGETS = new Map([
  ['watch', 1_000_000],
  ...['adopt', 'apply', 'destroy', 'diff', 'plan', 'status', 'validate'].map((command) => [command, 250_000]),
]);

/**
 * What V8 is told for a command. A daemon also makes much that is dropped at once: a young generation that stays at
 * 1 MiB saves 40 MiB and costs no time.
 *
 * V8 takes cached code only under the flags that it was made under: so they are set before the first chunk, and again
 * when the pack is written.
 */
function setFlags(command) {
  const budget = BUDGETS.get(command);
  if (budget === undefined) return;
  const { setFlagsFromString } = require('node:v8');
  if (command === 'watch') setFlagsFromString('--semi-space-growth-factor=1');
  if (parseInt(process.versions.v8, 10) <= LAST_WITH_BUDGET) setFlagsFromString(`--interrupt-budget=${budget}`);
}

/** Runs the entry and returns its exports. */
function load() {
  const command = /^[a-z][a-z-]{0,30}$/.test(process.argv[2] || '') ? process.argv[2] : 'help';
  setFlags(command);
  const entry = readChunk(ENTRY);
  // A stack is to tell the files of dist/.
  const isForStacks = process.argv.includes('--debug') || process.env.FLAN_DEBUG;
  const folder = isForStacks ? undefined : packFolder();
  const file = folder && path.join(folder, `${command}.pack`);
  const pack = (file && readPack({ folder, file, entry })) || EMPTY;
  const modules = new Map();
  /** Sources of what the pack does not have. */
  const added = new Map();

  const chunkRequire = (name) =>
    name.startsWith('./') ? loadChunk(name.slice(2)) : LATE.has(name) ? late(name) : require(name);
  Object.assign(chunkRequire, { resolve: require.resolve, main: require.main, cache: require.cache });

  function addChunk(name, filename) {
    const source = name === ENTRY ? entry : readChunk(name);
    if (file) added.set(name, source);
    return new vm.Script(`(${source})`, { filename }).runInThisContext();
  }

  function loadChunk(name) {
    const known = modules.get(name);
    if (known) return known.exports;
    const filename = path.join(DIST, name);
    const body = pack.chunks[name] || addChunk(name, filename);
    const module = { exports: {}, id: filename, filename, loaded: false };
    modules.set(name, module);
    body(module.exports, chunkRequire, module, filename, DIST);
    module.loaded = true;
    return module.exports;
  }

  if (file) {
    // At the end, when V8 has compiled all that this command uses. Codes above 2 are failures, which use other things.
    process.on('exit', (code) => {
      if (code > 2 || (added.size === 0 && pack.isCompiled)) return;
      setFlags(command);
      writePack({ folder, file, pack: added.size > 0 ? { source: sourceOf(pack.source, added) } : pack });
    });
  }
  return loadChunk(ENTRY);
}

/** A chunk as an expression. The build writes ASCII only, and one byte per character is what V8 keeps. */
function readChunk(name) {
  const text = fs.readFileSync(path.join(DIST, name), 'latin1');
  return `function (exports, require, module, __filename, __dirname) { ${text}\n}`;
}

/** As if nothing had been packed. */
const EMPTY = { chunks: {}, source: '', isCompiled: false };

/** V8 takes code of another Node of the same V8 for its own, and crashes: what it was compiled by is said here. */
const START = `({ // Node ${process.version} ${process.arch}, ${fs.statSync(process.execPath).size} bytes\n`;
const END = '\n})';
const member = (name, source) => `${JSON.stringify(name)}: ${source}`;

/** An object of functions by the names of their chunks, each on lines of its own: stacks tell lines of this text. */
function sourceOf(before, added) {
  const start = before === '' ? START : `${before.slice(0, -END.length)},\n`;
  return `${start}${[...added].map(([name, source]) => member(name, source)).join(',\n')}${END}`;
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

/**
 * Where this installation keeps its packs: in systemd's CACHE_DIRECTORY, else in the XDG place; undefined when there is
 * neither. The next version writes over them, and so does another Node.
 */
function packFolder() {
  const { CACHE_DIRECTORY, XDG_CACHE_HOME, HOME } = process.env;
  const home = [XDG_CACHE_HOME, HOME && path.join(HOME, '.cache')].find((one) => one && path.isAbsolute(one));
  const root = CACHE_DIRECTORY ? CACHE_DIRECTORY.split(':')[0] : home && path.join(home, 'flan');
  return root && path.join(root, sumOf(DIST).toString(16));
}

/** A short name for a text (FNV-1a, 32 bits). */
function sumOf(text) {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  return sum >>> 0;
}

/** Code is run from here, so nobody else may be able to write: neither others nor the group, nor another owner. */
const isOurs = (stat) => stat.uid === process.geteuid() && (stat.mode & 0o022) === 0;

function readPack({ folder, file, entry }) {
  let fd;
  try {
    const stat = fs.lstatSync(folder);
    if (!stat.isDirectory() || !isOurs(stat)) return undefined;
    fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    const fileStat = fs.fstatSync(fd);
    if (!fileStat.isFile() || !isOurs(fileStat)) return undefined;
    return decode({ fd, bytes: fileStat.size, filename: file, entry });
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** Undefined for what is damaged, of another build or of another Node. */
function decode({ fd, bytes, filename, entry }) {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  fs.readSync(fd, header, 0, HEADER_BYTES, 0);
  const [magic, sourceLength, dataLength, crc] = [0, 4, 8, 12].map((offset) => header.readUInt32LE(offset));
  if (magic !== MAGIC || bytes !== HEADER_BYTES + sourceLength + dataLength) return undefined;
  // One after the other into the same room: memory that nobody used before is half the cost of reading.
  const room = Buffer.allocUnsafeSlow(Math.max(sourceLength, dataLength));
  const part = (length, at) => room.subarray(0, fs.readSync(fd, room, 0, length, at));
  const text = part(sourceLength, HEADER_BYTES);
  const [source, crcOfSource] = [text.latin1Slice(), zlib.crc32(text)];
  // The entry is loaded first, so it stands first. Times would not do: images and packages set all of them alike.
  if (!source.startsWith(START + member(ENTRY, entry))) return undefined;
  const data = part(dataLength, HEADER_BYTES + sourceLength);
  if (zlib.crc32(data, crcOfSource) !== crc) return undefined;
  const cachedData = dataLength > 0 ? data : undefined;
  const script = new vm.Script(source, { filename, cachedData });
  const isCompiled = cachedData !== undefined && !script.cachedDataRejected;
  return { source, script, isCompiled, chunks: script.runInThisContext() };
}

function encode({ source, script }) {
  const data = script ? script.createCachedData() : Buffer.alloc(0);
  const body = Buffer.concat([Buffer.from(source, 'latin1'), data]);
  const header = Buffer.alloc(HEADER_BYTES);
  const fields = [MAGIC, source.length, data.length, zlib.crc32(body)];
  for (const [i, value] of fields.entries()) header.writeUInt32LE(value, 4 * i);
  return Buffer.concat([header, body]);
}

function writePack({ folder, file, pack }) {
  const temporary = `${file}.${process.pid}`;
  try {
    // Under sudo, HOME may be somebody else's: what we leave there could neither be used nor removed by them.
    const missing = [];
    let above = folder;
    for (; !fs.existsSync(above); above = path.dirname(above)) missing.unshift(above);
    if (!isOurs(fs.statSync(above))) return;
    // One by one: mkdir with `recursive` never returns where nothing can be made, as in /proc.
    for (const directory of missing) fs.mkdirSync(directory, { mode: 0o700 });
    // V8 trusts what it is given: the name is to stand for the whole file also after a power cut.
    fs.writeFileSync(temporary, encode(pack), { flag: 'wx', mode: 0o600, flush: true });
    fs.renameSync(temporary, file);
    removeUnfinished(file);
  } catch {
    try {
      fs.rmSync(temporary, { force: true });
    } catch {
      // A disk that is full or read-only: the next run compiles again.
    }
  }
}

/** What processes left that were killed while they wrote. */
function removeUnfinished(file) {
  const [folder, start] = [path.dirname(file), `${path.basename(file)}.`];
  for (const name of fs.readdirSync(folder)) {
    const left = path.join(folder, name);
    if (name.startsWith(start) && Date.now() - fs.statSync(left).mtimeMs > WRITING_MS) fs.rmSync(left, { force: true });
  }
}

module.exports = { load };
