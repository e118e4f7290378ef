import { FlanError } from '../../errors.js';
import { isOwnAlias, linkKey } from '../../kinds/link.js';
import { IFF_UP } from '../../netlink/wire/constants.js';
import type { LinkMessage } from '../../netlink/wire/link.js';
import type { Ownership } from '../../planner/kind.js';

/** The links of one namespace by name and by index, as the last dump and the events since then tell them. */
export class Links {
  readonly #byIndex = new Map<number, LinkMessage>();
  readonly #byName = new Map<string, LinkMessage>();
  readonly #used = new Set<string>();

  replaceAll(messages: readonly LinkMessage[]): void {
    this.#byIndex.clear();
    this.#byName.clear();
    for (const message of messages) this.put(message);
  }

  /** @returns what stood under this index before */
  put(message: LinkMessage): LinkMessage | undefined {
    const before = this.delete(message.index);
    this.#byIndex.set(message.index, message);
    if (message.name !== undefined) this.#byName.set(message.name, message);
    return before;
  }

  delete(index: number): LinkMessage | undefined {
    const before = this.#byIndex.get(index);
    this.#byIndex.delete(index);
    if (before?.name !== undefined && this.#byName.get(before.name)?.index === index) this.#byName.delete(before.name);
    return before;
  }

  isEmpty(): boolean {
    return this.#byIndex.size === 0;
  }

  /** Remembers that something of ours stands on the link: what happens to it is then worth a look. */
  use(name: string | undefined): void {
    if (name !== undefined) this.#used.add(name);
  }

  isUsed(name: string): boolean {
    return this.#used.has(name);
  }

  byIndex(index: number): LinkMessage | undefined {
    return this.#byIndex.get(index);
  }

  byName(name: string): LinkMessage | undefined {
    return this.#byName.get(name);
  }

  all(): IterableIterator<LinkMessage> {
    return this.#byIndex.values();
  }

  nameOf(index: number): string {
    return this.#byIndex.get(index)?.name ?? `if${index}`;
  }

  /** @throws {FlanError} E_LINK_MISSING */
  indexOf(name: string): number {
    const link = this.#byName.get(name);
    if (link !== undefined) return link.index;
    throw new FlanError('E_LINK_MISSING', `there is no link '${name}'`, {
      hint: 'Bring the interface back, or choose another with --iface.',
      retry: true,
      where: linkKey(name),
    });
  }
}

/** Whether a link carries our mark: its neighbours, FDB entries and addresses are then ours to look after. */
export type OwnLink = (link: Pick<LinkMessage, 'alias'>) => boolean;

export const ownLink =
  (ownership: Ownership): OwnLink =>
  ({ alias }) =>
    isOwnAlias(alias, ownership);

export const isUp = ({ flags }: LinkMessage): boolean => (flags & IFF_UP) !== 0;
