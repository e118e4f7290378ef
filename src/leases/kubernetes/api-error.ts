import { type ErrorCode, FlanError } from '../../errors.js';
import { isJsonObject } from '../../model/json.js';

/** A refusal by the API server, with what decides how to go on. */
export class ApiError extends FlanError {
  /** HTTP status, or `code` of a Status that came inside a watch. */
  readonly status: number;
  /** `reason` of the Status: `Expired`, `Invalid`, …; empty when the server sent none. */
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(failure: ApiFailure) {
    const { request, status, reason } = failure;
    const told = failure.message ? `: ${failure.message}` : '';
    super(codeOf(status), `${request} was refused with ${status}${reason ? ` ${reason}` : ''}${told}`, {
      hint: hintOf(failure),
      retry: status === 408 || status === 409 || status === 410 || status === 429 || status >= 500,
    });
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = failure.retryAfterMs;
  }
}

export interface ApiFailure {
  /** Method and path, as people would write the request. */
  readonly request: string;
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
  /** The RBAC rule that the request needs: `get nodes`. */
  readonly needs: string;
}

const codeOf = (status: number): ErrorCode =>
  status === 401 ? 'E_STORE_AUTH' : status === 403 ? 'E_STORE_PERMISSION' : 'E_STORE_UNREACHABLE';

function hintOf({ status, needs }: ApiFailure): string {
  if (status === 401) return 'Check the token or certificate: the server does not know it, or it has expired';
  if (status === 403) {
    const [verb, resource] = needs.split(' ');
    if (resource === 'pods')
      return 'Set NODE_NAME by the downward API (spec.nodeName), or let the ClusterRole get pods';
    return `Add to the ClusterRole: { apiGroups: [""], resources: ["${resource}"], verbs: ["${verb}"] }`;
  }
  if (status === 404) return 'Check the address of the API server and the name';
  if (status === 429 || status >= 500) return 'The API server is overloaded or starting: try again';
  return 'See the API server’s log';
}

/** metav1.Status; anything else (priority and fairness answers in plain text) is quoted shortly. */
export function readStatus(body: string): { reason: string; message: string; retryAfterMs: number | undefined } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { reason: '', message: body.trim().slice(0, 200), retryAfterMs: undefined };
  }
  return statusOf(value);
}

export function statusOf(value: unknown): {
  code: number;
  reason: string;
  message: string;
  retryAfterMs: number | undefined;
} {
  const status = isJsonObject(value) ? value : {};
  const details = isJsonObject(status.details) ? status.details : {};
  const seconds = details.retryAfterSeconds;
  return {
    code: typeof status.code === 'number' ? status.code : 500,
    reason: typeof status.reason === 'string' ? status.reason : '',
    message: typeof status.message === 'string' ? status.message : '',
    retryAfterMs: typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined,
  };
}

/** 410, by HTTP or inside a watch: history before this is gone. */
export const isExpired = (error: unknown): boolean => error instanceof ApiError && error.status === 410;

export interface Unreachable {
  /** What did not happen: `GET /api/v1/nodes got no answer`. */
  readonly what: string;
  readonly server: string;
  readonly cause: unknown;
}

/** The network's and TLS's failures: nobody answered, or not who was expected. */
export function unreachable({ what, server, cause }: Unreachable): FlanError {
  const { code = '', message = String(cause) } = cause as { code?: string; message?: string };
  const tls = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code);
  return new FlanError('E_STORE_UNREACHABLE', `${what} from ${server}: ${message || code}`, {
    retry: true,
    hint: tls
      ? 'Check the certificate authority and the name in the server’s certificate'
      : `Check that ${server} is the API server and that this host can reach it`,
    cause,
  });
}
