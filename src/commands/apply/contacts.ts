import { lookup } from 'node:dns/promises';
import type { Settings } from '../../config/settings.js';
import { readRoutes } from '../../host/routes.js';
import { tryAddress } from '../../model/ip.js';
import type { Warning } from '../../model/warning.js';
import type { Preview } from '../../reconcile/preview.js';
import { type Contact, refusalsOf, risksOf } from '../../reconcile/risk.js';

/** A name server that does not answer must not keep a plan from being shown. */
const LOOKUP_MS = 1_000;

/** Whom the plan would cut off. Does nothing where the plan changes no route and no device. */
export async function risksHere(preview: Preview, settings: Settings): Promise<readonly Warning[]> {
  const { steps } = preview.plan;
  if (!steps.some(({ key }) => /^(route|link)\//.test(key))) return [];
  const contacts = [
    ...(await storesOf(settings, process.env)),
    ...sshPeersOf(process.env),
    ...preview.survey.facts.defaultRoutes.flatMap(({ via }): Contact[] =>
      via ? [{ who: 'gateway', address: via }] : [],
    ),
  ];
  return risksOf({ steps, routes: readRoutes(settings), contacts });
}

/** The share of what is ours that may go unasked. */
export const guardOf = ({ deleteGuard }: Settings): number => (deleteGuard === 'off' ? 1 : deleteGuard);

/** The preview with those warnings in front, and why `apply` would refuse it. */
export async function withRisks(preview: Preview, settings: Settings): Promise<Preview> {
  const refusals = refusalsOf(preview.plan, { protect: settings.protect, fraction: guardOf(settings) });
  const risks = [...(await risksHere(preview, settings)), ...refusals];
  if (risks.length === 0) return preview;
  const { document } = preview;
  return { ...preview, document: { ...document, warnings: [...risks, ...document.warnings] } };
}

/** @see sshd(8): address and port of the client, address and port of the server */
export function sshPeersOf({ SSH_CONNECTION }: NodeJS.ProcessEnv): readonly Contact[] {
  const address = tryAddress(SSH_CONNECTION?.split(' ')[0] ?? '');
  return address === undefined ? [] : [{ who: 'ssh', address }];
}

export async function storesOf(settings: Settings, env: NodeJS.ProcessEnv): Promise<readonly Contact[]> {
  const hosts = [...new Set(urlsOf(settings, env).flatMap((url) => (URL.canParse(url) ? new URL(url).hostname : [])))];
  const found = await Promise.all(hosts.map(addressesOf));
  return found.flat().map((address) => ({ who: 'store', address }));
}

function urlsOf({ store, etcdEndpoints, kubeApiUrl }: Settings, env: NodeJS.ProcessEnv): readonly string[] {
  if (store === 'etcd') return etcdEndpoints;
  if (store !== 'kubernetes') return [];
  const { KUBERNETES_SERVICE_HOST: host } = env;
  return kubeApiUrl ? [kubeApiUrl] : host ? [`https://${host.includes(':') ? `[${host}]` : host}`] : [];
}

async function addressesOf(host: string): Promise<readonly Contact['address'][]> {
  const bare = tryAddress(host.replace(/^\[|\]$/g, ''));
  if (bare !== undefined) return [bare];
  const late = new Promise<readonly []>((resolve) => setTimeout(() => resolve([]), LOOKUP_MS).unref());
  const found = lookup(host, { all: true }).then(
    (all) => all.flatMap(({ address }) => tryAddress(address) ?? []),
    () => [],
  );
  return Promise.race([found, late]);
}
