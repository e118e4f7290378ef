import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { LoadedSettings, SettingKey } from '../config/settings.js';
import { asFlanError, type FlanError } from '../errors.js';
import { EXIT, type ExitCode, exitCodeOf } from '../exit-codes.js';
import { kinds } from '../kinds/index.js';
import { narrowed } from '../reconcile/narrow.js';
import { decodeSnapshot, type OtherLeases, planSnapshot, type Snapshot } from '../reconcile/snapshot.js';
import type { PlanDocument } from '../report/document.js';
import { type FleetDocument, fleetLine, fleetSummary, fleetText, type HostPlan } from '../report/fleet.js';
import { annotation, planAnnotations } from '../report/github.js';
import { planCommands } from '../report/ip-commands.js';
import { fleetMarkdown } from '../report/markdown.js';
import { ndjson, planEvents, versionEvent } from '../report/ndjson.js';
import { type Paint, READING_ORDER } from '../report/paint.js';
import { printable } from '../report/printable.js';
import { summaryLine } from '../report/text.js';
import { planDiff } from '../report/unified-diff.js';
import { yamlText } from '../report/yaml.js';
import { fileError } from '../sys/file-error.js';
import { writeOutput } from '../sys/placed-file.js';
import { FORMAT_VERSION } from '../version.js';
import { targetsOf } from './apply/choices.js';
import type { TargetFlags } from './apply/flags.js';
import { openStore } from './open-store.js';
import type { PlanFormat } from './plan-flags.js';
import { STDIO } from './stdio.js';

export type LeasesFrom = 'store' | 'snapshot';

export { fleetLine } from '../report/fleet.js';

export interface FleetInput {
  readonly paths: readonly string[];
  readonly loaded: LoadedSettings;
  /** Absent: the store where the settings name one, else each snapshot's own leases. */
  readonly leasesFrom: LeasesFrom | undefined;
  /** Which changes to show. */
  readonly targets: TargetFlags;
  readonly signal: AbortSignal;
}

/** Plans for the hosts of snapshots, on any machine. @throws {FlanError} E_DATA, E_PERMISSION, E_FILE, and what the store throws */
export async function planFleet({ paths, loaded, leasesFrom, targets: flags, signal }: FleetInput): Promise<Fleet> {
  const targets = targetsOf(flags);
  const snapshots = await Promise.all(paths.map(async (path) => ({ path, snapshot: await readSnapshot(path) })));
  const [first] = snapshots;
  const from = leasesFrom ?? (namesStore(loaded) ? 'store' : 'snapshot');
  const leases = from === 'store' && first ? await otherLeases({ loaded, signal, first: first.snapshot }) : undefined;
  const errors: FlanError[] = [];
  const hosts = snapshots.map(({ path, snapshot }): HostPlan => {
    const about = { snapshot: path, taken_at: snapshot.created_at, node: snapshot.identity.node };
    try {
      return { ...about, document: narrowed(planSnapshot({ snapshot, kinds, leases }), targets).document };
    } catch (cause) {
      const error = asFlanError(cause);
      errors.push(error);
      const { code, message, hint } = error;
      return { ...about, error: { code, message, ...(hint !== undefined && { hint }) } };
    }
  });
  const document: FleetDocument = {
    ...{ format_version: FORMAT_VERSION, kind: 'flan.fleet-plan', hosts, summary: fleetSummary(hosts) },
  };
  const [worst] = errors;
  return { document, code: worst === undefined ? EXIT.ok : exitCodeOf(worst) };
}

export interface Fleet {
  readonly document: FleetDocument;
  /** Of the first host that no plan could be made for; else 0. */
  readonly code: ExitCode;
}

const STORE_SETTINGS: readonly SettingKey[] = ['store', 'leases', 'etcdEndpoints', 'kubeSubnetMgr'];

/** A folder that merely happens to be there is no statement. */
const namesStore = ({ origins }: LoadedSettings): boolean =>
  STORE_SETTINGS.some((key) => origins[key].level !== 'default');

interface OtherLeasesInput {
  readonly loaded: LoadedSettings;
  readonly signal: AbortSignal;
  /** In whose name the store is asked: the machine that plans may have no identity at all. */
  readonly first: Snapshot;
}

async function otherLeases({ loaded: { settings }, signal, first }: OtherLeasesInput): Promise<OtherLeases> {
  const { store } = await openStore({ settings, identity: first.identity });
  try {
    return { network: await store.network(signal), listing: await store.list(signal), store: store.name };
  } finally {
    await store.close();
  }
}

async function readSnapshot(path: string): Promise<Snapshot> {
  if (path === STDIO) return decodeSnapshot(await text(process.stdin), 'stdin');
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (cause) {
    throw fileError({
      verb: 'read',
      path,
      cause,
      hint: 'Give the path of a file that `flan snapshot --out FILE` wrote.',
    });
  }
  return decodeSnapshot(content, path);
}

/** The whole fleet in a format other than JSON. */
export function renderFleet(document: FleetDocument, format: Exclude<PlanFormat, 'json'>, paint: Paint): string {
  const { hosts, summary } = document;
  const each = (render: (host: HostPlan) => string): string => hosts.map(render).join('');
  switch (format) {
    case 'text':
      return fleetText(document, paint);
    case 'ndjson': {
      const events = hosts.flatMap(({ node, document: plan, error }) =>
        plan
          ? planEvents(plan)
          : [{ type: 'error', node, code: error?.code ?? '', message: error?.message ?? '' } as const],
      );
      return ndjson([versionEvent(), ...events, { type: 'total', summary }]);
    }
    case 'yaml':
      return yamlText(document);
    case 'markdown':
      return fleetMarkdown(document);
    case 'github':
      return each(({ node, document: plan, error }) =>
        plan ? planAnnotations(plan) : annotation('error', `${node}: ${error?.code}`, error?.message ?? ''),
      );
    case 'ip':
      return each(
        ({ node, document: plan }) => `# host ${printable(node)}\n${plan ? planCommands(plan) : '# no plan\n'}\n`,
      );
    case 'diff':
      return each(({ document: plan }) => (plan ? planDiff(plan) : ''));
  }
}

/** The counts of a plan on one line, as `$GITHUB_OUTPUT` takes a value. @throws {FlanError} E_PERMISSION, E_FILE */
export function writeSummary(path: string, document: PlanDocument | FleetDocument): void {
  const { summary } = document;
  const counts = [...READING_ORDER.map((action) => summary[action]), summary.conflicts];
  const about = {
    ...{ format_version: FORMAT_VERSION, kind: 'flan.summary' },
    changes: counts.some((count) => count > 0),
    text: document.kind === 'flan.plan' ? summaryLine(summary) : fleetLine(document.summary),
    ...summary,
  };
  try {
    writeOutput(path, `${JSON.stringify(about)}\n`, 0o644);
  } catch (cause) {
    throw fileError({
      verb: 'write',
      path,
      cause,
      hint: 'Give the path of a file in a directory that you may write to.',
    });
  }
}
