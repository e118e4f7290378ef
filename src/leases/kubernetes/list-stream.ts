import { isJsonObject, type JsonObject } from '../../model/json.js';
import { closingQuote } from './json-bytes.js';

/** The largest object that is held; etcd refuses larger ones by far. */
const MAX_OBJECT_BYTES = 16 * 1024 * 1024;

/** Where a chunk ended: outside of strings, in one, or behind a backslash in one. */
const TEXT = 0;
const STRING = 1;
const ESCAPE = 2;

interface Cursor {
  /** Brackets that are open. */
  depth: number;
  where: typeof TEXT | typeof STRING | typeof ESCAPE;
}

/** Brackets deeper than this are inside an item. */
const ITEM_DEPTH = 3;

/**
 * The next bracket that opens or closes the list, a member of it or an item; the length of the chunk when there is none.
 * A plain function on purpose: one that every list makes anew is compiled anew, and this is where the time goes.
 */
function nextBracket(chunk: Buffer, at: number, cursor: Cursor): number {
  let { depth, where } = cursor;
  let i = at;
  for (; i < chunk.length; i++) {
    const byte = chunk[i];
    if (where !== TEXT) {
      i = closingQuote(chunk, where === ESCAPE ? i + 1 : i);
      where = i < chunk.length ? TEXT : i === chunk.length ? STRING : ESCAPE;
    } else if (byte === 0x22) where = STRING;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth <= ITEM_DEPTH) break;
    } else if ((byte === 0x7d || byte === 0x5d) && --depth < ITEM_DEPTH) break;
  }
  cursor.depth = depth;
  cursor.where = where;
  return i;
}

/** Takes a list response as it arrives. */
export interface ListScanner {
  /** @throws {SyntaxError} for text that is no list */
  push(chunk: Buffer): void;
  /** The response without its items. @throws {SyntaxError} when it ended early */
  end(): JsonObject;
}

/**
 * Finds the elements of the top-level array `items` in a stream of bytes and hands over each by itself, so that no
 * more than one object is in memory however long the list is.
 */
export function listScanner(onItem: (bytes: Buffer) => void): ListScanner {
  const cursor: Cursor = { depth: 0, where: TEXT };
  let inItems = false;
  let seenItems = false;
  let envelope = '';
  const outside = new TextDecoder('utf-8', { fatal: true });
  const pieces: Buffer[] = [];
  let held = 0;

  const hold = (piece: Buffer): void => {
    held += piece.length;
    if (held > MAX_OBJECT_BYTES) throw new SyntaxError(`an object is larger than ${MAX_OBJECT_BYTES} bytes`);
    if (piece.length > 0) pieces.push(piece);
  };
  const finishItem = (last: Buffer): void => {
    hold(last);
    const whole = pieces.length === 1 ? last : Buffer.concat(pieces);
    pieces.length = 0;
    held = 0;
    onItem(whole);
  };
  const keep = (part: Buffer): void => {
    envelope += outside.decode(part, { stream: true });
    if (envelope.length > MAX_OBJECT_BYTES) throw new SyntaxError('the response is no list');
  };

  return {
    push(chunk) {
      // Where the part that is not yet handed on begins: of an item, or of the envelope.
      let from = 0;
      for (let i = nextBracket(chunk, 0, cursor); i < chunk.length; i = nextBracket(chunk, i + 1, cursor)) {
        const { depth } = cursor;
        const opens = chunk[i] === 0x7b || chunk[i] === 0x5b;
        if (inItems) {
          if (opens) from = i;
          else if (depth === 2) {
            finishItem(chunk.subarray(from, i + 1));
            from = i + 1;
          } else {
            inItems = false;
            from = i;
          }
        } else if (!seenItems && depth === 2 && chunk[i] === 0x5b) {
          keep(chunk.subarray(from, i + 1));
          from = i + 1;
          inItems = /[{,]\s*"items"\s*:\s*\[$/.test(envelope);
          seenItems ||= inItems;
        }
      }
      if (!inItems) keep(chunk.subarray(from));
      else if (cursor.depth > 2) hold(chunk.subarray(from));
    },
    end() {
      envelope += outside.decode();
      if (cursor.depth !== 0 || cursor.where !== TEXT || envelope === '') throw new SyntaxError('the list ended early');
      const value: unknown = JSON.parse(envelope);
      if (!isJsonObject(value)) throw new SyntaxError('the response is no list');
      return value;
    },
  };
}
