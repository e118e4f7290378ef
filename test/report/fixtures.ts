import type { TextFile } from '../../src/kinds/file.js';
import { kinds } from '../../src/kinds/index.js';
import type { Link } from '../../src/kinds/link.js';
import { type Route, route } from '../../src/kinds/route.js';
import { type Address, parseAddress, parsePrefix } from '../../src/model/ip.js';
import type { Resource } from '../../src/planner/kind.js';
import type { Plan, Step } from '../../src/planner/plan.js';
import { type PlanDocument, summarise } from '../../src/report/document.js';
import type { Paint } from '../../src/report/paint.js';

export const someRoute = (dst = '10.244.2.0/24', via = '192.168.10.2'): Route =>
  route({ dst: parsePrefix(dst), via: parseAddress(via), dev: 'eth0' });

export const someFile = (content: string, path = '/run/flannel/subnet.env'): TextFile => ({
  ...{ kind: 'file', path, content, mode: 0o644 },
});

/** As backend ipip makes it. */
export const someLink = (): Link => ({
  ...{ kind: 'link', name: 'flannel.ipip', type: 'ipip', up: true, mtu: 1480, alias: 'flan 10.244.0.0/16' },
  ...{ local: parseAddress('192.168.10.1'), fixed: { remote: 'any', extras: [] } },
});

export const create = (after: Resource, reason = 'lease of node-b'): Step => ({
  ...{ action: 'create', key: kinds.key(after), after, needs: [], reason },
});

export const remove = (before: Resource, reason = 'no lease asks for it any more'): Step => ({
  ...{ action: 'delete', key: kinds.key(before), before, needs: [], reason },
});

export const change = (before: Resource, after: Resource, action: 'update' | 'replace' | 'adopt' = 'update'): Step => ({
  ...{ action, key: kinds.key(after), before, after, fields: kinds.differing(before, after), needs: [] },
  reason: 'lease of node-b',
});

export const documentOf = (steps: readonly Step[], more: Partial<PlanDocument> = {}): PlanDocument => {
  const plan: Plan = { steps, conflicts: [], unchanged: 4, ...more.plan };
  const foreign = { route: 12 };
  return {
    ...{
      format_version: '1.0',
      kind: 'flan.plan',
      node: 'node-a',
      backend: 'host-gw',
      store: 'file ./leases',
      peers: 3,
    },
    external: [{ family: 4, dev: 'eth0', address: '192.168.10.1', publicIp: '192.168.10.1', rule: 'default route' }],
    ...{ foreign, quarantined: [], warnings: [], ...more, plan, summary: summarise(plan, foreign) },
  };
};

/** Colours that can be seen in an expectation. */
const tag =
  (name: string) =>
  (text: string): string =>
    `<${name}>${text}</${name}>`;

export const tagged: Paint = {
  ...{ bold: tag('b'), dim: tag('dim'), red: tag('red'), green: tag('green') },
  ...{ yellow: tag('yellow'), cyan: tag('cyan') },
};

export const withoutTags = (text: string): string => text.replace(/<\/?(b|dim|red|green|yellow|cyan)>/g, '');

export const address = (text: string): Address => parseAddress(text);

/** What a machine could call itself to give orders to a terminal, a shell or a page. */
export const HOSTILE = 'x\n$(touch /tmp/owned)\u001b[2J\u009b8m\r`id`|<img src=x>[a](http://evil)\u202e@everyone';
