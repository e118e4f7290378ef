import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { LoadedSettings } from '../../config/settings.js';
import { showSettings } from '../../config/show.js';
import { diagnose } from '../../doctor/diagnose.js';
import { ipsecStateFile } from '../../drivers/vici/state-file.js';
import { asFlanError } from '../../errors.js';
import { readHistory } from '../../reconcile/history-file.js';
import { readStatusFiles } from '../../reconcile/status-file.js';
import { doctorText } from '../../report/doctor-text.js';
import { redactor } from '../../report/redact.js';
import { planText } from '../../report/text.js';
import type { ArchivedFile } from '../../report/ustar.js';
import { FORMAT_VERSION, VERSION } from '../../version.js';
import { gather } from '../doctor/gather.js';
import { knownSecrets } from './secrets.js';
import { charonTools, outputOf, TOOLS } from './tools.js';

export interface CollectInput {
  readonly loaded: LoadedSettings;
  readonly node: string;
  readonly signal: AbortSignal;
  readonly nowMs: number;
}

export interface Failure {
  readonly file: string;
  readonly code: string;
  readonly message: string;
}

export interface Dump {
  readonly files: readonly ArchivedFile[];
  /** What could not be had, and why. */
  readonly failures: readonly Failure[];
}

type Source = readonly [file: string, read: () => string | undefined | Promise<string>];

/** Everything that helps to understand what this host does, without secrets. One that cannot be had hinders no other. */
export async function collect({ loaded, node, signal, nowMs }: CollectInput): Promise<Dump> {
  const { settings } = loaded;
  const { netns, subnetFile, runtimeDir } = settings;
  const { facts, preview } = await gather(settings, signal);
  const redact = redactor(await knownSecrets(settings, facts.overlay?.network));
  const diagnosis = diagnose(facts);
  const charon = ipsecStateFile(settings).read()?.socket ?? settings.viciSocket;
  const sources: readonly Source[] = [
    ['version.json', () => json({ flan: VERSION, node: process.version, kernel: release(), arch: process.arch })],
    ['settings.json', () => json(showSettings(loaded))],
    ['doctor.json', () => json(diagnosis)],
    ['doctor.txt', () => doctorText({ ...diagnosis, node, store: facts.store.name })],
    ['host.json', () => json(facts.host)],
    ['network.json', () => facts.overlay && json(facts.overlay.network)],
    ['facts.json', () => preview && json({ ...preview.survey.facts, explanation: preview.survey.explanation })],
    ['leases.json', () => preview && json(preview.listing.leases)],
    ['desired.json', () => preview && json([...preview.desired.desired.values()])],
    ['observed.json', () => preview && json([...preview.observed.values()])],
    ['plan.json', () => preview && json(preview.document)],
    ['plan.txt', () => preview && planText(preview.document)],
    ['history.ndjson', () => lines(readHistory(settings))],
    ['watch.json', () => json(readStatusFiles(settings))],
    ['subnet.env', () => textOf(subnetFile)],
    ['watch-state.json', () => textOf(join(runtimeDir, 'watch-state.json'))],
    ...[...TOOLS, ...(charon === undefined ? [] : charonTools(charon))].map(
      ([name, command]): Source => [`host/${name}.txt`, () => outputOf({ command, netns, signal })],
    ),
  ];
  const files: ArchivedFile[] = [];
  const failures: Failure[] = [];
  for (const [file, read] of sources) {
    try {
      const content = await read();
      if (content !== undefined) files.push({ name: file, content: redact(content) });
    } catch (cause) {
      signal.throwIfAborted();
      const { code, message } = asFlanError(cause);
      failures.push({ file, code, message: redact(message) });
    }
  }
  const about = { format_version: FORMAT_VERSION, kind: 'flan.sysdump', node, at: new Date(nowMs).toISOString() };
  const manifest = { ...about, files: files.map(({ name }) => name), missing: failures };
  return { files: [{ name: 'manifest.json', content: json(manifest) }, ...files], failures };
}

const json = (value: unknown): string => `${JSON.stringify(value, plainErrors, 2)}\n`;
const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

/** Errors have no enumerable members of their own. */
const plainErrors = (_key: string, value: unknown): unknown => {
  if (!(value instanceof Error)) return value;
  const { code, message } = asFlanError(value);
  return { code, message };
};

/** Undefined when there is no such file: not every host has one. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw cause;
  }
}
