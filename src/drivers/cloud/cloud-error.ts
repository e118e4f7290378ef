import { type ErrorCode, FlanError, type FlanErrorOptions } from '../../errors.js';

export interface CloudErrorOptions extends FlanErrorOptions {
  /** The cloud's own word for it: `RouteAlreadyExists`. */
  readonly reason?: string | undefined;
  /** When the cloud says to come back. */
  readonly retryAfterMs?: number | undefined;
}

/** What a cloud, or its metadata service, answered instead of what was asked for. */
export class CloudError extends FlanError {
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: CloudErrorOptions = {}) {
    super(code, message, options);
    this.reason = options.reason;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The cloud's own word for why something failed. */
export const reasonOf = (cause: unknown): string | undefined =>
  cause instanceof CloudError ? cause.reason : undefined;

/** What an answer that was refused is about. */
export interface RefusedCall {
  /** The cloud's name for people: `EC2`. */
  readonly cloud: string;
  /** `CreateRoute`. */
  readonly action: string;
  /** The permission that it takes: `ec2:CreateRoute`. */
  readonly permission: string;
  readonly reason: string;
  readonly said: string;
  readonly status: number;
  readonly retryAfterMs?: number | undefined;
}

export type RefusalSort = 'raced' | 'throttled' | 'broken' | 'denied' | 'credentials' | 'quota' | 'refused';

/** What a status of HTTP says where the cloud gave no word that is known. */
export const sortOfStatus = (status: number): RefusalSort =>
  status === 429 ? 'throttled' : status >= 500 ? 'broken' : 'refused';

/** Whether the same may be answered otherwise soon. */
export const isPassing = (status: number): boolean => sortOfStatus(status) !== 'refused';

const LONGEST = 300;
const LONGEST_REASON = 100;

/** Fit for a line on a terminal, whoever wrote it. */
const oneLine = (text: string, longest: number): string => text.replace(/\p{C}+/gu, ' ').slice(0, longest);

/** The same sentences for all clouds. What a cloud says is cut: some append kilobytes that only its own tools can read. */
export function refusal(sort: RefusalSort, call: RefusedCall): CloudError {
  const { cloud, action, permission, said, status, retryAfterMs } = call;
  const reason = oneLine(call.reason, LONGEST_REASON);
  const words = oneLine(said.replace(/\s*Encoded authorization failure message:.*$/s, ''), LONGEST);
  const told = `${cloud} ${action}: ${reason || `status ${status}`}${words === '' ? '' : `: ${words}`}`;
  switch (sort) {
    case 'raced':
      return new CloudError('E_RACE', told, { reason });
    case 'throttled':
      return new CloudError('E_CLOUD_THROTTLED', told, {
        ...{ reason, retryAfterMs, retry: true },
        hint: 'All nodes of the account share one allowance: it is tried again by itself. Raise Backend.PollSeconds if it lasts.',
      });
    case 'broken':
      return new CloudError('E_CLOUD_UNREACHABLE', told, { reason, retryAfterMs, retry: true });
    case 'denied':
      return new CloudError('E_CLOUD_PERMISSION', told, {
        reason,
        hint: `Allow ${permission} to the credentials of this node; docs/backends.md has the whole list.`,
      });
    case 'credentials':
      return new CloudError('E_CLOUD_AUTH', told, {
        reason,
        hint: 'Check the credentials that this node uses, and its clock: signatures are only good for minutes.',
      });
    case 'quota':
      return new CloudError('E_CLOUD_QUOTA', told, {
        reason,
        hint: 'Ask the cloud for a higher quota, or remove routes that nobody needs.',
      });
    case 'refused':
      return new CloudError('E_CLOUD_REFUSED', told, { reason });
  }
}

export const malformed = (what: string, problem: string, cause?: unknown): CloudError =>
  new CloudError('E_CLOUD_PROTOCOL', `${what}: the answer cannot be read: ${problem}`, {
    hint: 'Check that the address is that of the cloud and that nothing between rewrites answers.',
    cause,
  });
