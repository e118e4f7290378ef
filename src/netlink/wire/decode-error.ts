import { FlanError } from '../../errors.js';

/** Where decoding failed. `offset` counts from the start of the buffer that was given. */
export interface DecodePlace {
  /** The attribute table or header structure: `rtmsg`, `IFLA_VXLAN`. */
  readonly table: string;
  /** The attribute's name in that table, or its number. */
  readonly attribute?: string | number | undefined;
  readonly offset: number;
}

/** Bytes that are not the message they claim to be. Decoders throw nothing else, whatever the bytes. */
export class DecodeError extends FlanError {
  override readonly name: string = 'DecodeError';
  constructor(
    what: string,
    readonly place: DecodePlace,
  ) {
    const attribute = place.attribute === undefined ? '' : `.${place.attribute}`;
    super('E_DECODE', `${place.table}${attribute} at byte ${place.offset}: ${what}`, {
      hint: 'Report this with the kernel version (uname -r); flan reads everything again and goes on.',
    });
  }
}
