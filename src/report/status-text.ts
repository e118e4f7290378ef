import type { TunnelReading } from '../reconcile/status-tunnels.js';
import { bytesWords } from './bytes-words.js';
import { duration } from './duration-words.js';
import { historyWords } from './history-text.js';
import { type Paint, plain } from './paint.js';
import { guarded, printable } from './printable.js';
import type { Look, StatusDocument, StatusVerdict } from './status-document.js';
import { table } from './table.js';
import { summaryLine } from './text.js';
import type { LeaseStatus, PeersStatus } from './watch-status.js';

type Taken = Extract<Look, { state: 'taken' }>;
type Rows = readonly (readonly string[])[];

const SYMBOL: Readonly<Record<StatusVerdict, { readonly symbol: string; readonly colour: keyof Paint }>> = {
  'in order': { symbol: '✓', colour: 'green' },
  'not in order': { symbol: '✕', colour: 'red' },
  unknown: { symbol: '?', colour: 'yellow' },
};

/** So many of a list are shown; the screen is one. */
const SHOWN = 8;

/** One screen: how this node does, and what is not in order. */
export function statusText(document: StatusDocument, unguarded: Paint = plain): string {
  const paint = guarded(unguarded);
  const { node, state, problems, watch, look, atMs } = document;
  const { symbol, colour } = SYMBOL[state];
  const taken = look.state === 'taken' ? look : undefined;
  const about = watch?.run?.about;
  const rows: Rows = [
    ...labelled('backend', [taken?.backend ?? about?.backend, ...(taken?.networks ?? about?.networks ?? [])]),
    ...labelled(
      'through',
      (taken?.external ?? []).map(({ dev, address, rule }) => `${dev} ${address} (${rule})`),
    ),
    ['watch', watchWords(document)],
    ...labelled('store', [storeWords(document)]),
    ...labelled('look', [look.state === 'failed' ? `${look.message} (${look.code})` : undefined]),
    ['lease', leaseWords(taken?.lease ?? watch?.run?.lease, atMs)],
    ...labelled('peers', [peerWords(taken, watch?.run?.peers)]),
    ...labelled('kernel', [taken && summaryLine(taken.summary)]),
    ...labelled('drift', [driftWords(document)]),
    ...labelled('applied', [appliedWords(document)]),
    ...labelled('lock', [lockWords(document)]),
    ...labelled('confirm', [confirmWords(document)]),
    ...labelled('held back', [holdWords(document)]),
  ];
  const painted = rows.map(([name = '', words = '']) => [paint.dim(name), printable(words)]);
  return [
    `${paint.bold(node)}  ${paint[colour](`${symbol} ${state}`)}\n`,
    problems.map((problem) => `  ${paint[colour]('!')} ${printable(problem)}\n`).join(''),
    table(painted),
    ...sections(document, paint),
  ]
    .filter((part) => part !== '')
    .join('');
}

const labelled = (name: string, words: readonly (string | undefined)[]): Rows => {
  const told = words.filter((word) => word !== undefined && word !== '');
  return told.length === 0 ? [] : [[name, told.join(' · ')]];
};

function sections({ look, watch, tunnels, atMs }: StatusDocument, paint: Paint): readonly string[] {
  const part = (title: string, rows: Rows, count = rows.length): string => {
    if (count === 0) return '';
    const more = count > SHOWN ? `  … and ${count - SHOWN} more\n` : '';
    return `\n${paint.bold(title)}\n${table(rows.slice(0, SHOWN).map((row) => row.map(printable)))}${more}`;
  };
  const failing = watch?.run?.failing;
  const leftOut = look.state === 'taken' ? look.leftOut.map(({ entry, message }) => [entry, message]) : [];
  const changes = look.state === 'taken' ? look.changes : [];
  return [
    part(
      'failing',
      (failing?.first ?? []).map(({ key, code, message }) => [key, code, message]),
      failing?.count,
    ),
    part(
      'to be done',
      changes.map(({ action, key }) => [action, key]),
      changes.length,
    ),
    part('left out', leftOut),
    part('warnings', look.state === 'taken' ? look.warnings.map(({ code, message }) => [code, message]) : []),
    part(
      'tunnels',
      tunnels.peers.map((one) => tunnelRow(one, atMs)),
    ),
  ];
}

function watchWords({ watch, atMs }: StatusDocument): string {
  if (watch === undefined) return 'does not run';
  const since = duration(atMs - watch.startedAtMs);
  return `${watch.ready ? 'ready' : 'not ready'}, runs for ${since} (pid ${watch.process.pid}, flan ${watch.flan})`;
}

function storeWords({ watch, look, atMs }: StatusDocument): string {
  const name = look.state === 'taken' ? look.store : watch?.run?.about.store;
  const { state, sinceMs } = watch?.store ?? {};
  const told = state === undefined || state === 'unknown' ? [] : [`${state} for ${duration(atMs - (sinceMs ?? atMs))}`];
  return [...(name === undefined ? [] : [name]), ...told].join(', ');
}

export function leaseWords(lease: LeaseStatus | undefined, atMs: number): string {
  if (lease === undefined) return 'none';
  const { subnets, addresses, expiresAtMs } = lease;
  const held =
    expiresAtMs === undefined
      ? 'until released'
      : expiresAtMs <= atMs
        ? `expired ${duration(atMs - expiresAtMs)} ago`
        : `for ${duration(expiresAtMs - atMs)} unless renewed`;
  return `${subnets.join(' ')} through ${addresses.join(' ') || '-'}, ${held}`;
}

function peerWords(taken: Taken | undefined, peers: PeersStatus | undefined): string | undefined {
  const total = taken?.peers ?? peers?.total;
  if (total === undefined) return undefined;
  const leftOut = taken?.leftOut.length ?? peers?.leftOut.count ?? 0;
  const failing = peers?.failing.count ?? 0;
  const names = peers?.failing.first.slice(0, 3).join(', ') ?? '';
  return [
    `${total} in use`,
    ...(failing === 0 ? [] : [`${failing} failing (${names}${failing > 3 ? ', …' : ''})`]),
    ...(leftOut === 0 ? [] : [`${leftOut} left out`]),
  ].join(', ');
}

function driftWords({ watch, atMs }: StatusDocument): string | undefined {
  if (watch === undefined) return undefined;
  const { detected, repaired, last } = watch.drift;
  if (detected === 0) return 'none since it runs';
  const by = last?.by === undefined ? '' : ` by ${last.by}`;
  const when = last === undefined ? '' : `; last ${duration(atMs - last.atMs)} ago: ${last.key} was ${last.what}${by}`;
  return `${detected} since it runs, ${repaired} repaired${when}`;
}

function appliedWords({ lastApply, atMs }: StatusDocument): string | undefined {
  if (lastApply === undefined) return undefined;
  return `${duration(atMs - Date.parse(lastApply.at))} ago, by ${historyWords(lastApply)[0]}`;
}

function lockWords({ lock }: StatusDocument): string | undefined {
  if (lock === undefined) return undefined;
  return lock.state === 'free' ? 'free' : `held by ${lock.holder}`;
}

function confirmWords({ pending, atMs }: StatusDocument): string | undefined {
  if (pending === undefined) return undefined;
  const { id, state, deadlineMs } = pending;
  const left = deadlineMs === undefined ? '' : `, rolled back in ${duration(Math.max(0, deadlineMs - atMs))}`;
  return `${id} is ${state}${left}: flan confirm keeps it`;
}

function holdWords({ onHold, atMs }: StatusDocument): string | undefined {
  if (onHold === undefined) return undefined;
  return `${onHold.objects} objects, since ${onHold.id} was rolled back ${duration(atMs - onHold.sinceMs)} ago`;
}

function tunnelRow(tunnel: TunnelReading, atMs: number): readonly string[] {
  const { dev, peer, endpoint, receivedBytes, sentBytes, packets } = tunnel;
  const heard = tunnel.state === undefined ? handshakeWords(tunnel, atMs) : associationWords(tunnel, atMs);
  const bad = packets === undefined ? 0 : packets.spoofed + packets.sendErrors;
  return [
    peer,
    dev,
    endpoint ?? '-',
    heard,
    `${bytesWords(receivedBytes)} in`,
    `${bytesWords(sentBytes)} out`,
    bad === 0 ? '' : `${bad} dropped`,
  ];
}

function handshakeWords({ lastHandshakeMs, publicKey }: TunnelReading, atMs: number): string {
  if (lastHandshakeMs !== undefined) return `heard of ${duration(Math.max(0, atMs - lastHandshakeMs))} ago`;
  return publicKey === undefined ? '' : 'never heard of';
}

function associationWords({ state, establishedMs }: TunnelReading, atMs: number): string {
  if (state === 'established' && establishedMs !== undefined) {
    return `established for ${duration(Math.max(0, atMs - establishedMs))}`;
  }
  return state === 'down' ? 'no SA' : (state ?? '');
}
