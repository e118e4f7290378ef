import { isJsonObject, type JsonObject } from '../../model/json.js';

/** The largest object that is held; etcd refuses larger ones by far. */
const MAX_OBJECT_BYTES = 16 * 1024 * 1024;

/** Takes a list response as it arrives. */
export interface ListScanner {
  /** @throws {SyntaxError} for text that is no list */
  push(chunk: Uint8Array): void;
  /** The response without its items. @throws {SyntaxError} when it ended early */
  end(): JsonObject;
}

/**
 * Finds the elements of the top-level array `items` in a stream of bytes and hands over each by itself, so that no
 * more than one object is in memory however long the list is.
 */
export function listScanner(onItem: (bytes: Uint8Array) => void): ListScanner {
  let depth = 0;
  let where: 'text' | 'string' | 'escape' = 'text';
  let inItems = false;
  let seenItems = false;
  let envelope = '';
  const outside = new TextDecoder('utf-8', { fatal: true });
  const pieces: Uint8Array[] = [];
  let held = 0;

  const hold = (piece: Uint8Array): void => {
    held += piece.length;
    if (held > MAX_OBJECT_BYTES) throw new SyntaxError(`an object is larger than ${MAX_OBJECT_BYTES} bytes`);
    if (piece.length > 0) pieces.push(piece);
  };
  const finishItem = (last: Uint8Array): void => {
    hold(last);
    const whole = pieces.length === 1 ? last : Buffer.concat(pieces);
    pieces.length = 0;
    held = 0;
    onItem(whole);
  };
  const keep = (part: Uint8Array): void => {
    envelope += outside.decode(part, { stream: true });
    if (envelope.length > MAX_OBJECT_BYTES) throw new SyntaxError('the response is no list');
  };

  return {
    push(chunk) {
      // Where the part that is not yet handed on begins: of an item (depth >= 3 in items) or of the envelope.
      let from = 0;
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (where === 'escape') where = 'string';
        else if (where === 'string') {
          if (byte === 0x22) where = 'text';
          else if (byte === 0x5c) where = 'escape';
        } else if (byte === 0x22) where = 'string';
        else if (byte === 0x7b || byte === 0x5b) {
          depth++;
          if (!inItems && depth === 2 && byte === 0x5b) {
            keep(chunk.subarray(from, i + 1));
            from = i + 1;
            inItems = !seenItems && /[{,]\s*"items"\s*:\s*\[$/.test(envelope);
            seenItems ||= inItems;
          } else if (inItems && depth === 3) from = i;
        } else if (byte === 0x7d || byte === 0x5d) {
          depth--;
          if (inItems && depth === 2) {
            finishItem(chunk.subarray(from, i + 1));
            from = i + 1;
          } else if (inItems && depth === 1) {
            inItems = false;
            from = i;
          }
        }
      }
      if (!inItems) keep(chunk.subarray(from));
      else if (depth > 2) hold(chunk.subarray(from));
    },
    end() {
      envelope += outside.decode();
      if (depth !== 0 || where !== 'text' || envelope === '') throw new SyntaxError('the list ended early');
      const value: unknown = JSON.parse(envelope);
      if (!isJsonObject(value)) throw new SyntaxError('the response is no list');
      return value;
    },
  };
}
