import { type ChannelOptions, Client, connectivityState, status } from '@grpc/grpc-js';
import { onAbort } from './abort.js';
import { channelSecurity, type EtcdUser, type TlsFiles } from './credentials.js';
import type { Endpoint } from './endpoint.js';
import { EtcdFailure } from './failure.js';

export interface ClientOptions {
  readonly endpoints: readonly string[];
  readonly tls?: TlsFiles;
  readonly user?: EtcdUser | undefined;
  /** For TCP, TLS and HTTP/2 together, per endpoint. */
  readonly dialTimeoutMs?: number | undefined;
  /** For one call on one endpoint, once connected. */
  readonly requestTimeoutMs?: number | undefined;
  /** HTTP/2 PING after this much silence; etcd refuses less than 5 s unless told otherwise. */
  readonly keepaliveTimeMs?: number | undefined;
  readonly keepaliveTimeoutMs?: number | undefined;
}

/** A channel to one endpoint. */
export interface Connection {
  readonly endpoint: Endpoint;
  readonly client: Client;
  /** Whether it has carried an answer. */
  used: boolean;
  /** Resolves when connected, and also when that failed: the call that follows then fails with the reason. */
  ready(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** @throws {FlanError} E_CONFIG when a TLS file cannot be used */
export function connect(endpoint: Endpoint, options: ClientOptions): Connection {
  const security = channelSecurity(endpoint, options.tls ?? {});
  const client = new Client(endpoint.target, security.credentials, { ...channelOptions(options), ...security.options });
  return {
    endpoint,
    client,
    used: false,
    ready(timeoutMs, signal) {
      const channel = client.getChannel();
      const until = Date.now() + timeoutMs;
      return new Promise((resolve, reject) => {
        const unhook = onAbort([signal], () => reject(signal.reason));
        const done = (finish: () => void) => {
          unhook();
          finish();
        };
        const look = (): void => {
          const state = channel.getConnectivityState(true);
          if (state !== connectivityState.IDLE && state !== connectivityState.CONNECTING) {
            done(resolve);
            return;
          }
          channel.watchConnectivityState(state, until, (error) => {
            if (signal.aborted) return;
            if (!error) return look();
            const details = `no connection within ${timeoutMs} ms`;
            done(() =>
              reject(new EtcdFailure({ code: status.UNAVAILABLE, details, endpoint: endpoint.name, user: undefined })),
            );
          });
        };
        look();
      });
    },
  };
}

const channelOptions = (options: ClientOptions): ChannelOptions => ({
  'grpc.keepalive_time_ms': options.keepaliveTimeMs ?? 10_000,
  'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs ?? 3_000,
  'grpc.max_receive_message_length': -1, // a page of leases may exceed the 4 MiB that gRPC allows by default
  'grpc.use_local_subchannel_pool': 1, // closing a channel must close its connection
  'grpc.service_config_disable_resolution': 1, // no DNS TXT look-ups
  'grpc.enable_retries': 0, // ours know the other endpoints
  'grpc.enable_http_proxy': 0, // a proxy for the web is not the way to the cluster's own servers
});
