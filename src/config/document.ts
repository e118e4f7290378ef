import { type ErrorCode, FlanError } from '../errors.js';
import type { Json } from '../model/json.js';

/** One JSON or YAML document as a plain value. */
export interface ParsedDocument {
  readonly value: Json;
  /** JSON when the text is strict JSON: what programs that read no YAML can read too. */
  readonly format: 'json' | 'yaml';
}

export interface DocumentInput {
  readonly text: string;
  /** A file or a key of the store, for messages. */
  readonly where: string;
  readonly code: ErrorCode;
}

/**
 * Reads JSON, or else YAML 1.2 (whose parser is loaded only then).
 * @throws {FlanError} `code`, with line and column, on a syntax error
 */
export async function parseDocument({ text, where, code }: DocumentInput): Promise<ParsedDocument> {
  try {
    return { value: JSON.parse(text) as Json, format: 'json' };
  } catch (jsonError) {
    const yaml = await import('yaml');
    const document = yaml.parseDocument(text, { prettyErrors: false, logLevel: 'error' });
    const problem = document.errors[0];
    if (problem === undefined) return { value: plainValue(() => document.toJS(), { where, code }), format: 'yaml' };
    const json = jsonProblem(text, jsonError);
    const { message, offset } = json ?? { message: problem.message, offset: problem.pos[0] };
    throw new FlanError(code, `not valid ${json ? 'JSON' : 'YAML'}: ${message}`, {
      where: `${where}:${positionAt(text, offset)}`,
    });
  }
}

/** Only what JSON can say: aliases that lead back to themselves or multiply without end are refused. */
function plainValue(toJs: () => unknown, { where, code }: { readonly where: string; readonly code: ErrorCode }): Json {
  try {
    return JSON.parse(JSON.stringify(toJs()) ?? 'null') as Json;
  } catch (cause) {
    throw new FlanError(code, `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      where,
      cause,
    });
  }
}

/**
 * What V8 says of text that means to be JSON; undefined when it does not say where. Then it quotes the text instead,
 * which may hold a secret: such a message goes nowhere.
 */
function jsonProblem(text: string, error: unknown): Problem | undefined {
  if (!text.trimStart().startsWith('{') || !(error instanceof Error)) return undefined;
  if (error.message === 'Unexpected end of JSON input')
    return { message: 'the text ends too early', offset: text.length };
  const [, message, position] = /^([^"]*) in JSON at position (\d+)/.exec(error.message) ?? [];
  return message === undefined ? undefined : { message, offset: Number(position) };
}

interface Problem {
  readonly message: string;
  readonly offset: number;
}

/** `line:column`, both from 1. */
export function positionAt(text: string, offset: number): string {
  const before = text.slice(0, offset);
  return `${before.split('\n').length}:${offset - before.lastIndexOf('\n')}`;
}
