import type { CloudEdge } from '../client.js';
import { CloudError, isPassing } from '../cloud-error.js';
import { type HttpAnswer, send } from '../http.js';
import { METADATA, persistently } from '../retry.js';

/** The metadata service of an instance. @see docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html */
export interface AwsMetadata {
  /** A value below `/latest/meta-data/`; undefined where there is none. @throws {FlanError} E_CLOUD_UNREACHABLE */
  get(path: string, signal: AbortSignal): Promise<string | undefined>;
}

const TOKEN_SECONDS = 21_600;
const TIMEOUT_MS = 1000;

/** Version 2 with its tokens first; version 1 where there is no other. */
export function awsMetadata(edge: CloudEdge): AwsMetadata {
  const base = (edge.env.AWS_EC2_METADATA_SERVICE_ENDPOINT || 'http://169.254.169.254').replace(/\/$/, '');
  const isVersion1Allowed = edge.env.AWS_EC2_METADATA_V1_DISABLED?.toLowerCase() !== 'true';
  /** Empty: version 1. */
  let token: string | undefined;

  const newToken = async (signal: AbortSignal): Promise<string> => {
    const asked = await send(
      {
        ...{ what: 'EC2 instance metadata', method: 'PUT', url: `${base}/latest/api/token`, timeoutMs: TIMEOUT_MS },
        headers: { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) },
      },
      signal,
    ).catch((cause: unknown): undefined => {
      // An answer with the hop limit of 1 does not get into a container: what is silent may still know version 1.
      if (cause instanceof CloudError && isVersion1Allowed) return undefined;
      throw cause;
    });
    if (asked?.status === 200) return asked.text;
    const isOld = asked === undefined || [403, 404, 405].includes(asked.status);
    if (isOld && isVersion1Allowed) return '';
    throw new CloudError('E_CLOUD_UNREACHABLE', `EC2 instance metadata: no token: status ${asked?.status}`, {
      retry: (asked?.status ?? 500) >= 500,
    });
  };

  const ask = async (path: string, signal: AbortSignal): Promise<HttpAnswer> => {
    token ??= await newToken(signal);
    return send(
      {
        ...{
          what: 'EC2 instance metadata',
          method: 'GET',
          url: `${base}/latest/meta-data/${path}`,
          timeoutMs: TIMEOUT_MS,
        },
        headers: token === '' ? {} : { 'x-aws-ec2-metadata-token': token },
      },
      signal,
    );
  };

  /** Where nothing answers, nothing is known of tokens either. */
  const askOrForget = (path: string, signal: AbortSignal): Promise<HttpAnswer> =>
    ask(path, signal).catch((cause: unknown) => {
      token = undefined;
      throw cause;
    });

  return {
    get: async (path, signal) => {
      if (edge.env.AWS_EC2_METADATA_DISABLED?.toLowerCase() === 'true') {
        throw new CloudError(
          'E_CLOUD_UNREACHABLE',
          'AWS_EC2_METADATA_DISABLED keeps flan from asking what instance this is',
          {
            hint: 'Unset it: region, instance and interface are read from the metadata service.',
          },
        );
      }
      return persistently(
        edge,
        async () => {
          let answer = await askOrForget(path, signal);
          if (answer.status === 401) {
            token = undefined; // it has ended, or the service was not up yet when one was asked for
            answer = await askOrForget(path, signal);
          }
          if (answer.status === 200) return answer.text.trim();
          if (answer.status === 404) return undefined;
          throw refused(answer, token);
        },
        { ...METADATA, signal },
      );
    },
  };
}

function refused({ status }: HttpAnswer, token: string | undefined): CloudError {
  const isTokenMissing = status === 401 && token === '';
  return new CloudError('E_CLOUD_UNREACHABLE', `EC2 instance metadata: status ${status}`, {
    retry: isPassing(status),
    hint: isTokenMissing
      ? 'The instance wants tokens (IMDSv2) and the answer with the token did not arrive: raise the hop limit to 2, or run in the network of the host.'
      : 'Check that instance metadata is enabled for this instance.',
  });
}
