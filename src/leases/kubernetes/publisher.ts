import { asFlanError, type FlanError } from '../../errors.js';
import type { LeaseRequest } from '../store.js';
import type { AnnotationNames } from './annotations.js';
import { backoffMs, type Clock } from './clock.js';
import { annotationsFor, type NodeRecord } from './node.js';
import type { OwnNode } from './own-node.js';

export interface PublisherOptions {
  readonly own: OwnNode;
  readonly names: AnnotationNames;
  readonly clock: Clock;
  readonly report: (error: FlanError) => void;
}

/**
 * Keeps on the own Node what this host wants there: annotations that somebody took away come back, an overwrite that
 * somebody sets takes effect, and a Node that was deleted and registered again gets everything anew.
 */
export interface Publisher {
  /** Publishes, and stands by it from then on. */
  publish(request: LeaseRequest, node: NodeRecord, signal: AbortSignal): Promise<NodeRecord>;
  setNetwork(state: 'up' | 'down', signal: AbortSignal): Promise<void>;
  /** The own Node as just seen. Returns at once; what is to be written is written meanwhile. */
  seen(node: NodeRecord, signal: AbortSignal): void;
  /** Nothing is to be there any more. */
  forget(): void;
}

export function publisher({ own, names, clock, report }: PublisherOptions): Publisher {
  let wanted: LeaseRequest | undefined;
  let network: 'up' | 'down' | undefined;
  /** The Node, by uid, that carries our condition. */
  let conditionOf: string | undefined;
  let latest: NodeRecord | undefined;
  let busy = false;

  const settle = async (node: NodeRecord, signal: AbortSignal): Promise<void> => {
    if (wanted) await own.annotate(node, annotationsFor(wanted, node, names), signal);
    if (network !== undefined && conditionOf !== undefined && conditionOf !== node.uid) {
      conditionOf = await own.setNetwork(network, signal);
    }
  };
  const work = async (signal: AbortSignal): Promise<void> => {
    let failures = 0;
    while (latest !== undefined && !signal.aborted) {
      const node = latest;
      try {
        await settle(node, signal);
        failures = 0;
        if (latest === node) latest = undefined;
      } catch (cause) {
        if (signal.aborted) return;
        const error = asFlanError(cause);
        report(error);
        // What will not work again (a Node that is gone, a wrong overwrite) waits for the next time the Node is seen.
        if (!error.retry || error.code === 'E_NODE_MISSING') {
          if (latest === node) latest = undefined;
        } else await clock.sleep(backoffMs(++failures, clock), signal).catch(() => {});
      }
    }
  };

  return {
    async publish(request, node, signal) {
      const now = await own.annotate(node, annotationsFor(request, node, names), signal);
      wanted = request;
      return now;
    },
    async setNetwork(state, signal) {
      conditionOf = await own.setNetwork(state, signal);
      network = state;
    },
    seen(node, signal) {
      latest = node;
      if (busy) return;
      busy = true;
      void work(signal).finally(() => {
        busy = false;
      });
    },
    forget() {
      wanted = undefined;
      latest = undefined;
    },
  };
}
