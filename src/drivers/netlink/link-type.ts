import type { Link } from '../../kinds/link.js';
import type { LinkInfo } from '../../netlink/wire/link-info.js';
import type { Links } from './links.js';

/** What can change while a link exists and is particular to its type. */
export type Changeable = Partial<Pick<Link, 'local' | 'underlay' | 'learning'>>;

/** One type of link that flan makes: the way of its settings into IFLA_LINKINFO and back. */
export interface LinkType<T extends Link['type'] = Link['type']> {
  readonly type: T;
  /** All that a new device is made from; undefined when another driver has made it by then. */
  make(link: Link, links: Links): LinkInfo | undefined;
  /** What sets these, of a device that exists; undefined when there is nothing to send. */
  change(settings: Changeable, links: Links): LinkInfo | undefined;
  /** What a link says of itself; undefined when it is of another type. */
  read(info: LinkInfo, links: Links): (Changeable & Pick<Link, 'fixed'>) | undefined;
  /** Whether the kernel refuses to make `link` while a device stands that says this of itself. */
  excludes(link: Link, info: LinkInfo, links: Links): boolean;
}
