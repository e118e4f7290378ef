import { FlanError } from '../errors.js';
import { isJsonObject, type Json, type JsonObject } from '../model/json.js';
import { digestOf } from '../planner/fingerprint.js';
import type { Kinds, Resource } from '../planner/kind.js';
import type { SavedPlan } from '../report/saved-plan.js';

export interface PlanFile {
  readonly text: string;
  /** Its path, for messages. */
  readonly where: string;
}

const ACTIONS = ['create', 'update', 'replace', 'adopt', 'delete'];

/** Reads what `plan --out` wrote. @throws {FlanError} E_PLAN_FILE for anything else, and for what was changed since */
export function decodeSavedPlan({ text, where }: PlanFile, kinds: Kinds): SavedPlan {
  const bad = (what: string, hint = 'Make a new one with `flan plan --out FILE`.'): FlanError =>
    new FlanError('E_PLAN_FILE', `${where} is no plan that can be used: ${what}`, { where, hint });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad('it is not JSON');
  }
  if (!isJsonObject(value) || value.kind !== 'flan.saved-plan') throw bad('it was not written by `flan plan --out`');
  if (typeof value.format_version !== 'string' || !/^1\.\d+$/.test(value.format_version)) {
    throw bad(`its format is ${JSON.stringify(value.format_version)}`, 'Use the version of flan that made it.');
  }
  const { digest, ...rest } = value;
  if (digest !== digestOf(rest)) throw bad('its digest is wrong, so it was changed or cut off after it was made');
  const fault = faultOf(value, kinds);
  if (fault !== undefined) throw bad(fault);
  return value as unknown as SavedPlan;
}

/** A digest proves that nothing got lost, not that a flan wrote it: what is used is looked at. */
function faultOf(file: JsonObject, kinds: Kinds): string | undefined {
  const { document, host, basis, adopt } = file;
  if (!hasTexts(file, ['created_at', 'expires_at', 'flan'])) return 'a date or the version is missing';
  if ([file.created_at, file.expires_at].some((at) => Number.isNaN(Date.parse(String(at))))) return 'a date is no date';
  if (!isJsonObject(host) || !hasTexts(host, ['node', 'node_id', 'machine', 'netns'])) return 'it names no host';
  if (adopt !== 'yes' && adopt !== 'no') return 'it does not say whether to adopt';
  if (!isJsonObject(basis)) return 'its basis is missing';
  for (const part of ['desired', 'observed', 'relied']) {
    const map = basis[part];
    if (!isJsonObject(map) || Object.values(map).some((each) => typeof each !== 'string'))
      return 'its basis is damaged';
  }
  if (!isJsonObject(document) || document.kind !== 'flan.plan' || !isJsonObject(document.plan))
    return 'it holds no plan';
  if (!hasTexts(document, ['node', 'backend', 'store'])) return 'its plan does not say for whom it is';
  const { steps, conflicts } = document.plan;
  const { external, quarantined, warnings, summary, foreign } = document;
  const lists: readonly (readonly [Json | undefined, (one: Json) => boolean])[] = [
    [external, (one) => isJsonObject(one) && hasTexts(one, ['dev', 'address', 'publicIp', 'rule'])],
    [quarantined, (one) => isJsonObject(one) && hasTexts(one, ['entry', 'code', 'message'])],
    [warnings, (one) => isJsonObject(one) && hasTexts(one, ['code', 'message'])],
    [conflicts, (one) => isJsonObject(one) && isStep({ ...one, action: 'update', needs: [] }, kinds)],
  ];
  const areWhole = lists.every(([list, isWhole]) => Array.isArray(list) && list.every(isWhole));
  const isCounted = isJsonObject(summary) && COUNTS.every((count) => typeof summary[count] === 'number');
  if (!Array.isArray(steps) || !areWhole || !isCounted || !isJsonObject(foreign)) return 'its plan is damaged';
  const wrong = (steps as readonly Json[]).find((step) => !isStep(step, kinds));
  return wrong === undefined ? undefined : `a change cannot be read: ${JSON.stringify(wrong).slice(0, 100)}`;
}

const COUNTS: readonly string[] = [...ACTIONS, 'unchanged', 'conflicts', 'foreign'];

const hasTexts = (value: JsonObject, names: readonly string[]): boolean =>
  names.every((name) => typeof value[name] === 'string');

function isStep(step: Json, kinds: Kinds): boolean {
  if (!isJsonObject(step) || !hasTexts(step, ['action', 'key', 'reason'])) return false;
  const { action, before, after, needs, fields } = step;
  if (!ACTIONS.includes(String(action)) || !Array.isArray(needs)) return false;
  if (action !== 'create' && action !== 'delete' && !Array.isArray(fields)) return false;
  const ends = [...(action === 'create' ? [] : [before]), ...(action === 'delete' ? [] : [after])];
  return ends.every((end) => isResource(end, kinds) && kinds.key(end) === step.key);
}

function isResource(value: Json | undefined, kinds: Kinds): value is JsonObject & Resource {
  if (!isJsonObject(value) || typeof value.kind !== 'string') return false;
  try {
    const resource = value as JsonObject & Resource;
    kinds.key(resource);
    kinds.of(resource).describe(resource);
    return true;
  } catch {
    return false; // Of a kind that this flan does not know, or without what makes up its key or its description.
  }
}
