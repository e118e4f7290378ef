import { duration } from './duration-words.js';
import { escaped } from './html.js';
import type { KindRow, PeerRow, Status, StatusMoment } from './status-page-data.js';
import { timelinePlot } from './status-page-plot.js';
import { STYLE } from './status-page-style.js';

/** A browser takes no more at once; `flan show leases` lists all. */
const MOST_PEERS = 1000;
const MOST_MOMENTS = 40;
const REFRESH_SECONDS = 10;

/** One page without scripts or anything from elsewhere, which reads itself again every few seconds. */
export function statusPage(status: Status): string {
  const { about, version, nowMs, startedMs, checks } = status;
  const title = about === undefined ? 'flan' : `${about.node} · flan`;
  const failed = checks.filter(({ state }) => state === 'failed');
  const subtitle =
    about === undefined ? 'no lease yet' : `${about.backend} · ${about.networks.join(' · ')} · leases: ${about.store}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<div><h1>${escaped(about?.node ?? 'flan')}</h1><p class="sub">${escaped(subtitle)}</p></div>
<p class="pill ${failed.length === 0 ? 'good' : 'bad'}" id="state"><span aria-hidden="true">${failed.length === 0 ? '✓' : '✕'}</span> ${failed.length === 0 ? 'Ready' : 'Not ready'}</p>
</header>
<main>
${failed.map(({ name, detail }) => `<p class="banner"><b>${escaped(name)}</b> ${escaped(detail)}</p>`).join('\n')}
<section class="cards">${cards(status)}</section>
<section class="panel"><h2>Drift and repair</h2><div class="scroll latest">${timelinePlot(status)}</div></section>
<section class="panel"><h2>Peers <small>${status.peers.length}</small></h2>${peerTable(status.peers)}</section>
<div class="columns">
<section class="panel"><h2>Objects</h2>${objectTable(status.objects)}</section>
<section class="panel"><h2>Latest</h2>${latest(status.moments)}</section>
</div>
</main>
<footer>flan ${escaped(version)} · up ${duration(nowMs - startedMs)} · <time>${clockTime(nowMs)} UTC</time> · <a href="/metrics">metrics</a> · <a href="/healthz">health</a> · <a href="/readyz">readiness</a></footer>
</body>
</html>
`;
}

function cards({ lease, peers, objects, moments, nowMs }: Status): string {
  const wanted = sum(objects.map(({ desired }) => desired));
  const there = sum(objects.map(({ inPlace }) => inPlace));
  const repairs = moments.flatMap(({ tookMs }) => (tookMs === undefined ? [] : [tookMs])).sort((a, b) => a - b);
  const drifts = moments.filter(({ sort }) => sort === 'drift').length;
  const median = repairs[Math.floor(repairs.length / 2)];
  const expiry = lease?.expiresAtMs;
  const failing = sum(peers.map((peer) => peer.failing));
  return [
    card({
      label: 'Own lease',
      value: lease?.subnets.join('\n') ?? '–',
      note:
        expiry === undefined
          ? (lease?.addresses.join(' · ') ?? '')
          : `renewed before it ends in ${duration(expiry - nowMs)}`,
    }),
    card({
      label: 'Peers',
      value: String(peers.length),
      note: failing === 0 ? 'all in place' : `${failing} ${failing === 1 ? 'object fails' : 'objects fail'}`,
    }),
    card({ label: 'Objects', value: `${there} / ${wanted}`, note: 'in place / desired' }),
    card({
      label: 'Drift',
      value: String(drifts),
      note: median === undefined ? 'nothing repaired yet' : `${repairs.length} repaired, median ${duration(median)}`,
    }),
  ].join('');
}

const card = ({ label, value, note }: { label: string; value: string; note: string }): string =>
  `<div class="card"><p class="label">${escaped(label)}</p><p class="value">${escaped(value).replaceAll('\n', '<br>')}</p><p class="note">${escaped(note)}</p></div>`;

function peerTable(peers: readonly PeerRow[]): string {
  if (peers.length === 0) return '<p class="empty">No other node has a lease.</p>';
  const rows = peers
    .slice(0, MOST_PEERS)
    .map(({ name, subnets, addresses, objects, failing }) =>
      row([
        `<th scope="row">${escaped(name)}</th>`,
        cell(subnets.join('\n')),
        cell(addresses.join('\n')),
        `<td class="number">${objects}</td>`,
        `<td>${failing === 0 ? '<span class="good">✓ in place</span>' : `<span class="bad">✕ ${failing} failing</span>`}</td>`,
      ]),
    );
  const more = peers.length > MOST_PEERS ? `<p class="empty">…and ${peers.length - MOST_PEERS} more.</p>` : '';
  const head = '<tr><th>Node</th><th>Subnet</th><th>Address</th><th class="number">Objects</th><th>State</th></tr>';
  return `<div class="scroll"><table id="peers"><thead>${head}</thead><tbody>${rows.join('')}</tbody></table></div>${more}`;
}

function objectTable(objects: readonly KindRow[]): string {
  if (objects.length === 0) return '<p class="empty">Nothing is desired yet.</p>';
  const rows = objects.map(({ kind, desired, inPlace, failing, foreign }) =>
    row([
      `<th scope="row">${escaped(kind)}</th>`,
      ...[desired, inPlace].map((count) => `<td class="number">${count}</td>`),
      `<td class="number${failing > 0 ? ' bad' : ''}">${failing}</td>`,
      `<td class="number dim">${foreign}</td>`,
    ]),
  );
  const heads = ['Desired', 'In place', 'Failing', 'Foreign'].map((name) => `<th class="number">${name}</th>`);
  return `<div class="scroll"><table id="objects"><thead><tr><th>Kind</th>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function latest(moments: readonly StatusMoment[]): string {
  const newest = withoutRepeats([...moments].reverse()).slice(0, MOST_MOMENTS);
  if (newest.length === 0) return '<p class="empty">Nothing has happened yet.</p>';
  const items = newest.map(
    ({ atMs, sort, words, times }) =>
      `<li class="${sort}"><time>${clockTime(atMs)}</time><span>${escaped(words)}${times > 1 ? ` <b>×${times}</b>` : ''}</span></li>`,
  );
  return `<ol class="log">${items.join('')}</ol>`;
}

interface Repeated extends StatusMoment {
  readonly times: number;
}

/** What is said several times in a row is said once, with how often and when it was the last time. */
function withoutRepeats(moments: readonly StatusMoment[]): readonly Repeated[] {
  const kept: Repeated[] = [];
  for (const moment of moments) {
    const last = kept.at(-1);
    if (last?.words === moment.words) kept[kept.length - 1] = { ...last, times: last.times + 1 };
    else kept.push({ ...moment, times: 1 });
  }
  return kept;
}

const row = (cells: readonly string[]): string => `<tr>${cells.join('')}</tr>`;
const cell = (text: string): string => `<td class="mono">${escaped(text).replaceAll('\n', '<br>')}</td>`;
const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

/** Of the day, in UTC. */
const clockTime = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);
