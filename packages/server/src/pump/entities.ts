/**
 * What an owner keeps of its entities. The owner is the only writer, so what is here is the truth and nothing is read in
 * the steady state; what is not here is loaded before it is needed.
 */
import type { ConversationId, OutboxId, UserId } from '@duolog/protocol';
import { formerNeeded } from '../core/conversations.ts';
import type { ConversationState } from '../core/conversation-state.ts';
import type { Command, ConversationCommand, Envelope, NameCommand, UserCommand } from '../core/commands.ts';
import type { Parcel } from '../core/decision.ts';
import type { NameState } from '../core/names.ts';
import type { Outbox } from '../core/outbox.ts';
import {
  KEYS,
  conversationKey,
  decodeJson,
  formerKey,
  holdsMessages,
  idOfKey,
  inConversationKey,
  nameKey,
  outboxKey,
  userKey,
} from '../core/rows.ts';
import type { Account, FormerMember, Holder, InConversation, Positions, Roster } from '../core/rows.ts';
import { userNeeds } from '../core/users.ts';
import type { UserParcel, UserState } from '../core/users.ts';
import { readLogHead } from '../data/log-head.ts';
import { createOutboxReader, readOutboxRow } from '../data/outboxes.ts';
import type { Store } from '../ports/store.ts';
import type { PumpPlant } from './settings.ts';

/** What is remembered of one outbox. */
export interface Remembered {
  /** Of its row. */
  readonly key: string;
  answers: Outbox;
  /** Head of the entity's log when the row was written; undefined: it has none yet. */
  rowHead: number | undefined;
}

/** One entity with what was loaded of it. */
export interface Entity {
  readonly key: string;
  conversation: ConversationState | undefined;
  user: UserState | undefined;
  name: NameState | undefined;
  /** By user and outbox. */
  readonly outboxes: Map<UserId, Map<OutboxId, Remembered>>;
  /** A user's rows of conversations, by conversation; undefined where there is none. */
  readonly memberships: Map<ConversationId, InConversation | undefined>;
}

/** A load under way, or nothing to wait for. */
type Loading = Promise<unknown> | undefined;

export interface Entities {
  get(key: string): Entity;
  getUser(id: UserId): Entity;
  /** Loads what deciding about this command takes. */
  forCommand(envelope: Envelope): Loading;
  /** Loads what taking this parcel takes, for one of its recipients. */
  forParcel(parcel: Parcel, user: UserId): Loading;
  forRoute(user: UserId): Loading;
  forWatch(conversation: string): Loading;
  /** Forgets what was not used for long. Only when every decision made so far is stored. */
  trim(): void;
  readonly crowded: boolean;
}

/** Which of an entity's commands these are, told by the kind of entity. */
export const isConversation = (entity: string, _command: Command): _command is ConversationCommand =>
  holdsMessages(entity);
export const isUser = (entity: string, _command: Command): _command is UserCommand => entity.startsWith('u/');
export const isName = (entity: string, _command: Command): _command is NameCommand => entity.startsWith('n/');

const all = (loads: readonly Loading[]): Loading => {
  const pending = loads.filter((load) => load !== undefined);
  return pending.length === 0 ? undefined : Promise.all(pending);
};

const newEntity = (key: string): Entity => ({
  key,
  conversation: undefined,
  user: undefined,
  name: undefined,
  outboxes: new Map(),
  memberships: new Map(),
});

const outboxesOf = (entity: Entity): number => {
  let count = 0;
  for (const ofUser of entity.outboxes.values()) count += ofUser.size;
  return count;
};

/** Parts of one entity that are kept when others are forgotten. */
const KEPT_PARTS = 64;

/** `maxEntities`: how many may be kept, parts of them (outboxes, memberships) included; about half are forgotten at a time. */
export const createEntities = (
  store: Store,
  maxEntities: number,
  plants: ReadonlySet<PumpPlant> = new Set(),
): Entities => {
  // Two generations: what is used moves to the young one; the old one is forgotten as a whole.
  let young = new Map<string, Entity>();
  let old = new Map<string, Entity>();
  const loads = new Map<string, Promise<void>>();
  const readOutbox = createOutboxReader(store);
  /** Parts loaded since the last trim. */
  let parts = 0;

  /** Users by id: the young ones once more, found without making their key. */
  let users = new Map<UserId, Entity>();

  const get = (key: string): Entity => {
    let entity = young.get(key);
    if (entity !== undefined) return entity;
    entity = old.get(key) ?? newEntity(key);
    old.delete(key);
    young.set(key, entity);
    return entity;
  };

  const getUser = (id: UserId): Entity => {
    let entity = users.get(id);
    if (entity === undefined) {
      entity = get(userKey(id));
      users.set(id, entity);
    }
    return entity;
  };

  const crowded = (): boolean => young.size + parts > maxEntities / 2;

  const once = (name: string, load: () => Promise<void>): Promise<void> => {
    let loading = loads.get(name);
    if (loading === undefined) {
      loading = load().finally(() => loads.delete(name));
      loads.set(name, loading);
    }
    return loading;
  };

  /** Loads a part of an entity of which there may be any number. */
  const part = (name: string, load: () => Promise<void>): Promise<void> => {
    parts += 1;
    return once(name, load);
  };

  const loadConversation = async (entity: Entity): Promise<void> => {
    const [{ head }, rows] = await Promise.all([
      readLogHead(store, entity.key),
      store.getMany([
        { partition: entity.key, key: KEYS.roster },
        { partition: entity.key, key: KEYS.positions },
      ]),
    ]);
    const [roster, positions] = rows;
    entity.conversation ??= {
      conversation: idOfKey(entity.key),
      roster: roster === undefined ? undefined : decodeJson<Roster>(roster),
      head,
      positions: positions === undefined ? {} : decodeJson<Positions>(positions),
      former: {},
    };
  };

  const loadFormer = async (entity: Entity, user: UserId): Promise<void> => {
    const [value] = await Promise.all([store.get(entity.key, formerKey(user)), conversation(entity)]);
    const state = entity.conversation;
    if (state === undefined || state.former[user] !== undefined) return;
    entity.conversation = {
      ...state,
      former: { ...state.former, [user]: value === undefined ? [] : decodeJson<readonly FormerMember[]>(value) },
    };
  };

  const conversation = (entity: Entity): Loading =>
    entity.conversation === undefined ? once(entity.key, () => loadConversation(entity)) : undefined;

  const loadUser = async (entity: Entity): Promise<void> => {
    const { head, log } = await readLogHead(store, entity.key);
    entity.user ??= { user: idOfKey(entity.key), head, log, account: 'unloaded', conversation: undefined };
  };

  const user = (entity: Entity): Loading =>
    entity.user === undefined ? once(entity.key, () => loadUser(entity)) : undefined;

  const log = (entity: Entity): Loading => {
    if (holdsMessages(entity.key)) return conversation(entity);
    return entity.key.startsWith('u/') ? user(entity) : undefined;
  };

  const account = (entity: Entity): Loading =>
    entity.user !== undefined && entity.user.account !== 'unloaded'
      ? undefined
      : once(`${entity.key} account`, async () => {
          const [value] = await Promise.all([store.get(entity.key, KEYS.account), user(entity)]);
          if (entity.user?.account !== 'unloaded') return;
          entity.user = { ...entity.user, account: value === undefined ? undefined : decodeJson<Account>(value) };
        });

  const membership = (entity: Entity, id: ConversationId): Loading =>
    entity.memberships.has(id)
      ? undefined
      : part(`${entity.key} in ${id}`, async () => {
          const value = await store.get(entity.key, inConversationKey(id));
          entity.memberships.set(id, value === undefined ? undefined : decodeJson<InConversation>(value));
        });

  const name = (entity: Entity): Loading =>
    entity.name !== undefined
      ? undefined
      : once(entity.key, async () => {
          const value = await store.get(entity.key, KEYS.holder);
          entity.name ??= {
            handle: idOfKey(entity.key),
            holder: value === undefined ? undefined : decodeJson<Holder>(value),
          };
        });

  const outbox = (entity: Entity, { user, outbox: id }: Envelope): Loading => {
    if (id === undefined || entity.outboxes.get(user)?.has(id) === true) return undefined;
    const key = outboxKey(user, id);
    return part(`${entity.key} ${key}`, async () => {
      const loaded = plants.has('skip-answers-in-log')
        ? await readOutboxRow(store, entity.key, user, id)
        : await readOutbox(entity.key, user, id);
      const ofUser = entity.outboxes.get(user) ?? new Map<OutboxId, Remembered>();
      entity.outboxes.set(user, ofUser);
      if (!ofUser.has(id)) ofUser.set(id, { key, answers: loaded?.answers ?? [], rowHead: loaded?.head });
    });
  };

  const userParts = (entity: Entity, subject: UserCommand | UserParcel): Loading => {
    const needs = userNeeds(subject);
    if (!needs.account && needs.conversation === undefined) return user(entity);
    return all([
      user(entity),
      needs.account ? account(entity) : undefined,
      needs.conversation === undefined ? undefined : membership(entity, needs.conversation),
    ]);
  };

  const former = (entity: Entity, envelope: Envelope): Loading => {
    const missing = formerNeeded(envelope).filter((id) => entity.conversation?.former[id] === undefined);
    return missing.length === 0
      ? undefined
      : all(missing.map((id) => part(`${entity.key} former ${id}`, () => loadFormer(entity, id))));
  };

  return {
    get,
    getUser,
    forCommand: (envelope) => {
      const entity = get(envelope.entity);
      const remembered = outbox(entity, envelope);
      const { command } = envelope;
      // Its answer makes a row, which says where the log ends.
      if (command.kind === 'refused') return all([remembered, log(entity)]);
      if (isConversation(envelope.entity, command)) {
        const state = conversation(entity);
        const left = command.kind === 'send' ? undefined : former(entity, envelope);
        return remembered === undefined && state === undefined && left === undefined
          ? undefined
          : all([remembered, state, left]);
      }
      return all([remembered, isUser(envelope.entity, command) ? userParts(entity, command) : name(entity)]);
    },
    forParcel: (parcel, id) => {
      switch (parcel.kind) {
        case 'message':
          return user(getUser(id));
        case 'membership':
        case 'account':
        case 'handle':
          return userParts(getUser(id), parcel);
        case 'position':
          return conversation(get(conversationKey(parcel.conversation)));
        case 'confirmed':
        case 'released':
          return name(get(nameKey(parcel.handle)));
        default: {
          const never: never = parcel;
          return never;
        }
      }
    },
    forRoute: (id) => {
      const entity = getUser(id);
      return all([user(entity), account(entity)]);
    },
    forWatch: (id) => conversation(get(conversationKey(id))),
    trim: () => {
      if (!crowded()) return;
      old = young;
      young = new Map();
      users = new Map();
      parts = 0;
      // One that is used all the time is never forgotten as a whole; what hangs on it would grow for ever.
      for (const entity of old.values()) {
        if (outboxesOf(entity) > KEPT_PARTS) entity.outboxes.clear();
        if (entity.memberships.size > KEPT_PARTS) entity.memberships.clear();
        if (entity.conversation !== undefined && Object.keys(entity.conversation.former).length > KEPT_PARTS) {
          entity.conversation = { ...entity.conversation, former: {} };
        }
      }
    },
    get crowded() {
      return crowded();
    },
  };
};
