import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { asFlanError } from '../errors.js';
import { runLoop } from './loop.js';
import type { LoopStart, ToLoop } from './messages.js';

// The thread of one packet loop: it blocks in poll(2), so it takes messages when its bell rings instead of by events.

const { start, port } = workerData as { readonly start: LoopStart; readonly port: MessagePort };
try {
  runLoop(start, {
    tell: (message) => port.postMessage(message),
    take: () => receiveMessageOnPort(port)?.message as ToLoop | undefined,
  });
} catch (cause) {
  port.postMessage({ type: 'lost', why: asFlanError(cause).message });
}
port.close();
