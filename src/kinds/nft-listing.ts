import { FlanError } from '../errors.js';
import { type Family, tryAddress } from '../model/ip.js';
import { isJsonObject, type Json, type JsonObject } from '../model/json.js';
import { type NftTable, nftFamily } from './nft-table.js';

/**
 * Reads what `nft -j list table` prints, whichever version printed it. What is not in our vocabulary is kept as JSON,
 * so that it differs from everything we want.
 * @throws {FlanError} E_NFTABLES
 * @see libnftables-json(5)
 */
export function parseNftTable(text: string, family: Family): NftTable | undefined {
  const objects = objectsOf(text);
  const header = objects.map(({ table }) => table).find(isJsonObject);
  if (header === undefined) return undefined;
  const chains = objects.map(({ chain }) => chain).filter(isJsonObject);
  const rules = objects.map(({ rule }) => rule).filter(isJsonObject);
  const others = objects.filter(
    (object) => !('metainfo' in object || 'table' in object || 'chain' in object || 'rule' in object),
  );
  const names = chains.map(({ name }) => String(name)).sort();
  const lines = names.flatMap((name) => [
    ...chains.filter((chain) => chain.name === name).map(chainLine),
    ...rules.filter((rule) => rule.chain === name).map((rule) => `rule ${name} ${ruleText(rule, family)}`),
  ]);
  // `dormant` switches the whole table off.
  const flags = header.flags === undefined ? [] : [`flags ${listOf(header.flags).join(',')}`];
  return {
    kind: 'nft-table',
    family,
    table: String(header.name),
    lines: [...flags, ...lines, ...others.map((other) => JSON.stringify(withoutHandles(other)))],
    ...(typeof header.comment === 'string' ? { comment: header.comment } : {}),
  };
}

function objectsOf(text: string): readonly JsonObject[] {
  try {
    const document: unknown = JSON.parse(text);
    if (isJsonObject(document) && Array.isArray(document.nftables)) return document.nftables.filter(isJsonObject);
  } catch {
    // Falls through: what is not JSON is not what we asked for.
  }
  throw new FlanError('E_NFTABLES', `nft did not answer with a list of rules: ${text.slice(0, 120).trim()}`, {
    hint: 'Install an nft with JSON support (Debian package nftables).',
  });
}

function chainLine({ name, type, hook, prio, policy }: JsonObject): string {
  if (hook === undefined) return `chain ${name} { }`;
  return `chain ${name} { type ${type} hook ${hook} priority ${prio}; policy ${policy}; }`;
}

function ruleText({ expr, comment }: JsonObject, family: Family): string {
  const words = Array.isArray(expr) ? expr.map((part) => statement(part, family)) : [JSON.stringify(expr)];
  return [...words, ...(comment === undefined ? [] : [`comment ${JSON.stringify(comment)}`])].join(' ');
}

const VERDICTS = ['accept', 'return', 'drop', 'continue'];

function statement(part: Json, family: Family): string {
  const unknown = JSON.stringify(part);
  if (!isJsonObject(part)) return unknown;
  const [name = '', value] = Object.entries(part)[0] ?? [];
  if (VERDICTS.includes(name) && value === null) return name;
  if (name === 'masquerade') return masquerade(value) ?? unknown;
  if (name === 'match' && isJsonObject(value)) return match(value, family) ?? unknown;
  return unknown;
}

/** One flag is printed as text by older versions and as a list of one by newer ones. */
function masquerade(value: Json | undefined): string | undefined {
  if (value === null) return 'masquerade';
  if (!isJsonObject(value) || Object.keys(value).join() !== 'flags') return undefined;
  return ['masquerade', ...listOf(value.flags)].join(' ');
}

function match({ op, left, right }: JsonObject, family: Family): string | undefined {
  if (!isJsonObject(left)) return undefined;
  const masked = left['&'];
  if (Array.isArray(masked) && masked.length === 2) {
    const [what, mask] = masked;
    const mark = isJsonObject(what) && isJsonObject(what.meta) && what.meta.key === 'mark';
    if (!mark || typeof mask !== 'number' || typeof right !== 'number' || (op !== '==' && op !== '!='))
      return undefined;
    return `meta mark & 0x${mask.toString(16)} ${op} 0x${right.toString(16)}`;
  }
  const payload = left.payload;
  const address = addressText(right);
  if (!isJsonObject(payload) || payload.protocol !== nftFamily(family) || address === undefined) return undefined;
  if ((payload.field !== 'saddr' && payload.field !== 'daddr') || (op !== '==' && op !== '!=')) return undefined;
  return `${payload.protocol} ${payload.field} ${op === '!=' ? '!= ' : ''}${address}`;
}

function addressText(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return tryAddress(value);
  if (!isJsonObject(value) || !isJsonObject(value.prefix)) return undefined;
  const { addr, len } = value.prefix;
  const address = typeof addr === 'string' ? tryAddress(addr) : undefined;
  return address === undefined || typeof len !== 'number' ? undefined : `${address}/${len}`;
}

const listOf = (value: Json | undefined): readonly string[] => (Array.isArray(value) ? value : [value]).map(String);

/** Handles are the kernel's counters: they say nothing about what a thing is. */
const withoutHandles = (object: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => {
      if (!isJsonObject(value)) return [name, value];
      const { handle: _, ...rest } = value;
      return [name, rest];
    }),
  );
