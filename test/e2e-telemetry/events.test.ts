import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { type KubeLab, kubeTest } from '../e2e-stores/kube-lab.js';
import type { KubeObject } from '../support/fake-kube/objects.js';

const NO_POLLING = ['--resync-interval', '10h'];

interface KubeEvent extends KubeObject {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly involvedObject: object;
}
const eventsOf = ({ kube }: KubeLab) => kube.events.all() as readonly KubeEvent[];

async function untilEvent(lab: KubeLab, reason: string): Promise<KubeEvent> {
  for (let i = 0; i < 300; i++) {
    const found = eventsOf(lab).find((event) => event.reason === reason);
    if (found) return found;
    await sleep(50);
  }
  throw new Error(`no ${reason} among ${eventsOf(lab).map((event) => event.reason)}`);
}

describe('Kubernetes Events', () => {
  kubeTest('tell of readiness and repair on the own Node', {}, async (lab) => {
    lab.addNode('node-a', ['10.5.1.0/24']);
    lab.addNode('node-b', ['10.5.2.0/24'], '192.168.10.2');
    const daemon = await lab.ready(NO_POLLING);
    expect(await untilEvent(lab, 'NetworkReady')).toMatchObject({
      type: 'Normal',
      metadata: { namespace: 'default' },
      involvedObject: { kind: 'Node', name: 'node-a', uid: 'node-a' },
      source: { component: 'flan', host: 'node-a' },
    });
    for (let i = 0; i < 5; i++) {
      const mark = daemon.mark();
      await lab.node().netns.ip('route del 10.5.2.0/24');
      await daemon.until('healed', () => true, mark);
    }
    const { message, type, count } = await untilEvent(lab, 'DriftRepaired');
    expect(message).toMatch(/^healed route\/main\/10\.5\.2\.0\/24 in /);
    expect([type, count]).toEqual(['Normal', 1]);
    await lab.node().netns.ip('address del 192.168.10.1/24 dev eth0');
    expect(await untilEvent(lab, 'NetworkNotReady')).toMatchObject({
      type: 'Warning',
      message: expect.stringContaining('there is no usable external interface'),
    });
    // A storm is one note; the others are counted.
    expect(eventsOf(lab).filter(({ reason }) => reason === 'DriftRepaired')).toHaveLength(1);
  });

  kubeTest('are optional: without the right to create them that is said once', {}, async (lab) => {
    lab.kube.faults.push({
      left: 1000,
      matches: ({ path }) => path.endsWith('/events'),
      what: { type: 'status', status: 403, body: 'events is forbidden' },
    });
    lab.addNode('node-a', ['10.5.1.0/24']);
    lab.addNode('node-b', ['10.5.2.0/24'], '192.168.10.2');
    const daemon = await lab.ready(NO_POLLING);
    const { warning } = await daemon.until('warning', (event) => event.warning.code === 'W_EVENTS_REFUSED');
    expect(warning.hint).toContain('resources: ["events"], verbs: ["create"]');
    const left = lab.kube.faults.at(-1)?.left;
    await lab.node().netns.ip('route del 10.5.2.0/24');
    await daemon.until('healed');
    expect(await daemon.stop()).toMatchObject({ code: 0 });
    expect(lab.kube.faults.at(-1)?.left).toBe(left);
    expect(eventsOf(lab)).toEqual([]);
  });
});
