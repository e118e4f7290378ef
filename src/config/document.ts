import { type ErrorCode, FlanError } from '../errors.js';
import type { Json } from '../model/json.js';
import { jsonProblem, positionAt, type TextDocument, withoutQuote } from '../model/json-text.js';

/** One JSON or YAML document as a plain value. */
export interface ParsedDocument {
  readonly value: Json;
  /** JSON when the text is strict JSON: what programs that read no YAML can read too. */
  readonly format: 'json' | 'yaml';
}

/**
 * Reads JSON, or else YAML 1.2 (whose parser is loaded only then).
 * @throws {FlanError} `code`, with line and column, on a syntax error
 */
export async function parseDocument({ text, where, code }: TextDocument): Promise<ParsedDocument> {
  try {
    return { value: JSON.parse(text) as Json, format: 'json' };
  } catch (jsonError) {
    const yaml = await import('yaml');
    const document = yaml.parseDocument(text, { prettyErrors: false, logLevel: 'error' });
    const problem = document.errors[0];
    if (problem === undefined) return { value: plainValue(() => document.toJS(), { where, code }), format: 'yaml' };
    const json = text.trimStart().startsWith('{') ? jsonProblem(text, jsonError) : undefined;
    const { message, offset } = json ?? { message: withoutQuote(problem.message), offset: problem.pos[0] };
    throw new FlanError(code, `not valid ${json ? 'JSON' : 'YAML'}: ${message}`, {
      where: `${where}:${positionAt(text, offset)}`,
      hint: 'Correct it there; one document is read, of JSON or YAML.',
    });
  }
}

/** Only what JSON can say: aliases that lead back to themselves or multiply without end are refused. */
function plainValue(toJs: () => unknown, { where, code }: { readonly where: string; readonly code: ErrorCode }): Json {
  try {
    return JSON.parse(JSON.stringify(toJs()) ?? 'null') as Json;
  } catch (cause) {
    throw new FlanError(
      code,
      `cannot be read: ${withoutQuote(cause instanceof Error ? cause.message : String(cause))}`,
      { where, hint: 'Write values themselves instead of aliases.' },
    );
  }
}
