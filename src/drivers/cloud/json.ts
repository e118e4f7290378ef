import { isJsonObject, type JsonObject } from '../../model/json.js';
import { malformed } from './cloud-error.js';

/** An answer that must be a JSON object. @throws {FlanError} E_CLOUD_PROTOCOL, which quotes nothing of it: it may be a secret */
export function parseObject(text: string, what: string): JsonObject {
  const value = tryObject(text);
  if (value === undefined) throw malformed(what, 'not a JSON object');
  return value;
}

export function tryObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A member that is a text and not empty. */
export function textOf(value: unknown, name: string): string | undefined {
  const member = isJsonObject(value) ? value[name] : undefined;
  return typeof member === 'string' && member !== '' ? member : undefined;
}

export function objectOf(value: unknown, name: string): JsonObject | undefined {
  const member = isJsonObject(value) ? value[name] : undefined;
  return isJsonObject(member) ? member : undefined;
}

/** The objects of a list; nothing for what is no list. */
export function objectsOf(value: unknown, name: string): readonly JsonObject[] {
  const member = isJsonObject(value) ? value[name] : undefined;
  return Array.isArray(member) ? member.filter(isJsonObject) : [];
}

/** The texts of a list. */
export function textsOf(value: unknown, name: string): readonly string[] {
  const member = isJsonObject(value) ? value[name] : undefined;
  return Array.isArray(member) ? member.filter((one): one is string => typeof one === 'string') : [];
}
