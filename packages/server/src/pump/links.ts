/**
 * The owner's links to edges (COM8): which gateway holds which device, who watches what, and one numbered message per
 * edge and turn. All of it is soft: a gateway that misses something says again what it holds.
 */
import type { ConversationId, DeviceId, UserId } from '@duolog/protocol';
import type { Delivery } from '../core/decision.ts';
import type { Bus, NodeId } from '../ports/bus.ts';
import type { LinkItem, NodeMessage } from './messages.ts';

export interface Links {
  /** Adds an item to what goes to this edge with the current turn. */
  push(edge: NodeId, item: LinkItem): void;
  /** Adds a turn's deliveries to what goes to the edges that hold or watch. */
  deliver(deliveries: readonly Delivery[]): void;
  /** Sends what was gathered: one message per edge. */
  flush(): void;
  /** Repeats the last number to every edge, so that one that missed it notices. */
  repeat(): void;
  route(edge: NodeId, user: UserId, device: DeviceId, on: boolean): void;
  watch(edge: NodeId, conversation: ConversationId, user: UserId, on: boolean): void;
  /** The user may not see the conversation any more. */
  unwatchAll(conversation: ConversationId, user: UserId): void;
  /** Forgets an edge that is dead. */
  forget(edge: NodeId): void;
}

interface Link {
  readonly name: string;
  n: number;
  /** What goes with the current turn. Made by its first item: an older list would hold on to what is added (docs/decisions/0012). */
  items: LinkItem[] | undefined;
  /** The newest entry among the items, and those it is for: more may join them. */
  entry: EntryDelivery | undefined;
  to: UserId[];
  useqs: number[];
}

type EntryDelivery = Extract<Delivery, { kind: 'entry' }>;

/** Sets by edge, by key: `on` and `off` keep no empty ones. */
const membershipByEdge = <K>() => {
  const byKey = new Map<K, Map<NodeId, Set<string>>>();
  return {
    byKey,
    set: (key: K, edge: NodeId, id: string, on: boolean): void => {
      const edges = byKey.get(key) ?? new Map<NodeId, Set<string>>();
      const ids = edges.get(edge) ?? new Set<string>();
      if (on) ids.add(id);
      else ids.delete(id);
      if (ids.size > 0) edges.set(edge, ids);
      else edges.delete(edge);
      if (edges.size > 0) byKey.set(key, edges);
      else byKey.delete(key);
    },
    forget: (edge: NodeId): void => {
      for (const [key, edges] of byKey) {
        edges.delete(edge);
        if (edges.size === 0) byKey.delete(key);
      }
    },
  };
};

export const createLinks = (bus: Bus<NodeMessage>, partition: number, claim: string): Links => {
  const links = new Map<NodeId, Link>();
  let opened = 0;
  const routes = membershipByEdge<UserId>();
  const watches = membershipByEdge<ConversationId>();

  const linkTo = (edge: NodeId): Link => {
    let link = links.get(edge);
    if (link === undefined) {
      link = { name: `${claim}/${++opened}`, n: 0, items: undefined, entry: undefined, to: [], useqs: [] };
      links.set(edge, link);
    }
    return link;
  };

  const add = (link: Link, item: LinkItem): void => {
    (link.items ??= []).push(item);
  };

  const push = (edge: NodeId, item: LinkItem): void => {
    add(linkTo(edge), item);
  };

  /** All recipients of an entry that are at one edge share one item. */
  const addRecipient = (link: Link, delivery: EntryDelivery, user: UserId, useq: number): void => {
    if (link.entry !== delivery) {
      link.entry = delivery;
      link.to = [];
      link.useqs = [];
      const { kind, fields, sent } = delivery;
      const { to, useqs } = link;
      add(link, sent === undefined ? { kind, fields, to, useqs } : { kind, fields, sent, to, useqs });
    }
    link.to.push(user);
    link.useqs.push(useq);
  };

  const deliverEntry = (delivery: EntryDelivery): void => {
    const { to, useqs } = delivery;
    for (let i = 0; i < to.length; i++) {
      const user = to[i];
      const useq = useqs[i];
      if (user === undefined || useq === undefined) continue;
      const edges = routes.byKey.get(user);
      if (edges === undefined) continue;
      for (const edge of edges.keys()) addRecipient(linkTo(edge), delivery, user, useq);
    }
  };

  const deliver = (deliveries: readonly Delivery[]): void => {
    for (const delivery of deliveries) {
      switch (delivery.kind) {
        case 'entry':
          deliverEntry(delivery);
          break;
        case 'revoked':
          for (const edge of routes.byKey.get(delivery.user)?.keys() ?? []) push(edge, delivery);
          break;
        case 'positions':
          for (const [edge, users] of watches.byKey.get(delivery.conversation) ?? [])
            push(edge, { ...delivery, to: [...users] });
          break;
        default: {
          const never: never = delivery;
          return never;
        }
      }
    }
  };

  const send = (edge: NodeId, link: Link, items: readonly LinkItem[]): void => {
    // A message refused for want of room is a gap like a lost one: the edge sees it by the next number.
    bus.send(edge, { type: 'link', partition, link: link.name, n: link.n, items });
  };

  return {
    push,
    deliver,
    flush: () => {
      for (const [edge, link] of links) {
        const { items } = link;
        if (items === undefined) continue;
        link.items = undefined;
        link.entry = undefined;
        link.n += 1;
        send(edge, link, items);
      }
    },
    repeat: () => {
      for (const [edge, link] of links) send(edge, link, []);
    },
    route: (edge, user, device, on) => routes.set(user, edge, device, on),
    watch: (edge, conversation, user, on) => watches.set(conversation, edge, user, on),
    unwatchAll: (conversation, user) => {
      const edges = watches.byKey.get(conversation);
      if (edges !== undefined) for (const edge of edges.keys()) watches.set(conversation, edge, user, false);
    },
    forget: (edge) => {
      links.delete(edge);
      routes.forget(edge);
      watches.forget(edge);
    },
  };
};
