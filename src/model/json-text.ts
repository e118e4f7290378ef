import { type ErrorCode, FlanError } from '../errors.js';
import type { Json } from './json.js';

export interface TextDocument {
  readonly text: string;
  /** A file or a key of the store, for messages. */
  readonly where: string;
  readonly code: ErrorCode;
}

/**
 * Reads strict JSON. What is wrong is told with line and column where V8 knows them, and never by quoting the text,
 * which may hold a secret: so the cause goes nowhere either. @throws {FlanError} `code`
 */
export function parseJson({ text, where, code }: TextDocument): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const problem = jsonProblem(text, error);
    throw new FlanError(code, `not valid JSON${problem ? `: ${problem.message}` : ''}`, {
      where: problem ? `${where}:${positionAt(text, problem.offset)}` : where,
      hint: 'Look for a missing quote, comma or bracket: `jq .` says where.',
    });
  }
}

export interface JsonProblem {
  readonly message: string;
  readonly offset: number;
}

/** What V8 says is wrong with a text; undefined when it does not say where, for then it quotes the text instead. */
export function jsonProblem(text: string, error: unknown): JsonProblem | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.message === 'Unexpected end of JSON input')
    return { message: 'the text ends too early', offset: text.length };
  const [, message, position] = /^([^"]*) in JSON at position (\d+)/.exec(error.message) ?? [];
  return message === undefined ? undefined : { message, offset: Number(position) };
}

/** What a YAML parser says is wrong, without the piece of the text that some of its messages end with. */
export const withoutQuote = (message: string): string =>
  message
    .replace(/: .*$/s, '')
    .replace(/^Source contains multiple documents.*$/s, 'it holds several documents, not one');

/** `line:column`, both from 1. */
export function positionAt(text: string, offset: number): string {
  const before = text.slice(0, offset);
  return `${before.split('\n').length}:${offset - before.lastIndexOf('\n')}`;
}
