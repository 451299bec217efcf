/** What the owners' links bring, handed on to the connections it is for. */
import type { EdgeListener } from '../../pump/edge.ts';
import type { Connection, EndConnection } from './connection.ts';
import type { Routes } from './routes.ts';
import type { Seats } from './seats.ts';
import type { Writer } from './writer.ts';

type Item = Parameters<EdgeListener['item']>[0];
type ItemOf<K extends Item['kind']> = Extract<Item, { readonly kind: K }>;

export const createDeliveries = (options: {
  readonly routes: Routes;
  readonly seats: Seats;
  readonly writer: Writer;
  readonly end: EndConnection;
}): EdgeListener['item'] => {
  const { routes, seats, writer, end } = options;

  /** Hot: no closure, no JSON; the text of an entry is shared by all it is for. */
  const takeEntry = ({ fields, sent, to, useqs }: ItemOf<'entry'>): void => {
    for (let i = 0; i < to.length; i++) {
      const user = to[i];
      const useq = useqs[i];
      if (user === undefined || useq === undefined) continue;
      const sentHere = sent?.user === user ? sent : undefined;
      for (let one = routes.first(user); one !== undefined; one = one.sibling) {
        seats.raiseHead(one.seat, useq);
        if (one.state === 'open')
          writer.pushEntry(one, useq, sentHere?.device === one.device ? sentHere.fields : fields);
      }
    }
  };

  const takeRevocation = ({ user, device }: ItemOf<'revoked'>): void => {
    let one = routes.first(user);
    while (one !== undefined) {
      // An end takes the connection out of the list.
      const next: Connection | undefined = one.sibling;
      if (one.device === device) end(one, 'unauthenticated');
      one = next;
    }
  };

  const takePositions = ({ conversation, read, to }: ItemOf<'positions'>): void => {
    const item = JSON.stringify({ type: 'positions', conversation, read });
    for (const user of to) {
      for (let one = routes.first(user); one !== undefined; one = one.sibling) {
        if (one.state === 'open' && one.watched?.includes(conversation) === true) writer.pushEvent(one, item);
      }
    }
  };

  return (item) => {
    switch (item.kind) {
      case 'entry':
        return takeEntry(item);
      case 'revoked':
        return takeRevocation(item);
      case 'positions':
        return takePositions(item);
      default: {
        const never: never = item;
        return never;
      }
    }
  };
};
