import http from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Got {
  readonly status: number | undefined;
  readonly body: string;
}

/** One GET over a Unix socket. */
export const ask = (socketPath: string, path: string): Promise<Got> =>
  new Promise((resolve, reject) => {
    http
      .get({ socketPath, path }, async (response) => {
        resolve({ status: response.statusCode, body: await text(response) });
      })
      .on('error', reject);
  });

/** Asks again and again until the answer is as wanted. */
export async function askUntil(socketPath: string, path: string, matches: (got: Got) => boolean): Promise<Got> {
  let last: unknown = 'nothing';
  for (let i = 0; i < 300; i++) {
    try {
      const got = await ask(socketPath, path);
      if (matches(got)) return got;
      last = got;
    } catch (error) {
      last = error; // not there yet
    }
    await sleep(50);
  }
  throw new Error(`${path} never became as wanted: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
}

/** The samples of a scrape by their name and labels. */
export const samples = (body: string): ReadonlyMap<string, number> =>
  new Map(
    body
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
