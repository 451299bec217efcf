/** What the devices of a run do: mostly send, and everything else a client may do once in a while. */
import { changeHash } from '../hash.ts';
import type { Device } from './device.ts';
import type { Content, Done } from './outbox.ts';
import type { Person } from './people.ts';
import { textHash, type WireConversation } from './wire.ts';

export interface Load {
  readonly base: string;
  readonly people: readonly Person[];
  /** Groups by id, with their owners. */
  readonly groups: ReadonlyMap<string, string>;
  readonly random: () => number;
  /** Makes each text unique. */
  readonly counter: { last: number };
}

const within = (load: Load, least: number, most: number): number =>
  least + Math.floor(load.random() * (most - least + 1));
const pick = <T>(load: Load, list: readonly T[]): T | undefined => list[Math.floor(load.random() * list.length)];

/** Mostly short, sometimes long enough to travel as a preview, of all kinds of characters. */
const newText = (load: Load): string => {
  const mark = `${++load.counter.last} `;
  const dice = load.random();
  if (dice < 0.02) return mark + '長🦊'.repeat(within(load, 1500, 4000));
  return mark + (dice < 0.2 ? 'ü🙂"\\\n\u0000' : 'a').repeat(within(load, 1, 200));
};

const sendOf = (load: Load, conversation: string): Content => {
  const text = newText(load);
  return {
    method: 'message.send',
    params: { conversation, text },
    entity: conversation,
    about: { method: 'send', conversation, hash: textHash(text) },
  };
};

export const createGroupOf = (load: Load, conversation: string, members: readonly string[]): Content => {
  const name = `Group ${++load.counter.last}`;
  const about = {
    method: 'create',
    conversation,
    people: members,
    hash: changeHash('created', members, name),
  } as const;
  return { method: 'group.create', params: { conversation, name, members }, entity: conversation, about };
};

export const createDirectOf = (conversation: string, other: string): Content => ({
  method: 'direct.create',
  params: { user: other },
  entity: conversation,
  about: { method: 'create', conversation, people: [other] },
});

/** The id of the direct conversation of two users: the smaller id first. */
export const directId = (a: string, b: string): string => (a < b ? `d.${a}.${b}` : `d.${b}.${a}`);

const changeMembers = (load: Load, device: Device, conversation: string): Content | undefined => {
  const others = load.people.filter(({ user }) => user !== device.user).map(({ user }) => user);
  const person = pick(load, others);
  if (person === undefined) return undefined;
  const owns = load.groups.get(conversation) === device.user;
  const dice = load.random();
  const place = { conversation, people: [person] };
  if (!owns && dice < 0.15) {
    const about = { method: 'leave', conversation, hash: changeHash('left', [device.user]) } as const;
    return { method: 'group.leave', params: { conversation }, entity: conversation, about };
  }
  if (owns && dice < 0.35) {
    const about = { method: 'remove', ...place, hash: changeHash('removed', [person]) } as const;
    return { method: 'group.remove', params: { conversation, user: person }, entity: conversation, about };
  }
  if (owns && dice < 0.45) {
    const name = `Name ${++load.counter.last}`;
    const about = { method: 'rename', conversation, hash: changeHash('renamed', [], name) } as const;
    return { method: 'group.rename', params: { conversation, name }, entity: conversation, about };
  }
  const about = { method: 'add', ...place, hash: changeHash('added', [person]) } as const;
  return { method: 'group.add', params: { conversation, users: [person] }, entity: conversation, about };
};

/** The same number again: as it was, or with another text. */
const repeat = async (load: Load, device: Device): Promise<void> => {
  const done: Done | undefined = pick(load, device.outbox.done.slice(-20));
  if (done === undefined) return;
  const altered = done.method === 'message.send' && load.random() < 0.3 ? sendOf(load, done.entity) : undefined;
  await device.outbox.again(done, altered);
};

const readBack = async (load: Load, device: Device, row: WireConversation): Promise<void> => {
  const overHttp = load.random() < 0.3;
  const dice = load.random();
  if (dice < 0.15 && row.lastSeq > 0)
    return device.wholeText(row.conversation, within(load, Math.max(row.visibleFrom, row.lastSeq - 20), row.lastSeq));
  const seq = within(load, 1, Math.max(1, row.lastSeq));
  const where = dice < 0.6 ? {} : dice < 0.8 ? { before: seq } : { after: seq };
  await device.page(row.conversation, { limit: within(load, 1, 60), ...where }, overHttp);
};

/** One thing that one device does now. */
export const act = async (load: Load, device: Device): Promise<void> => {
  const rows = [...device.follower.rows.values()];
  // Now and then into a group one may be no member of.
  const row = pick(load, rows);
  if (row === undefined) return;
  const { conversation, lastSeq } = row;
  const crowded = device.outbox.waiting() > 24;
  const dice = load.random();
  if (dice < 0.6) {
    if (!crowded) for (let i = within(load, 1, 5); i > 0; i--) device.outbox.add(sendOf(load, conversation));
  } else if (dice < 0.72) await readBack(load, device, row);
  else if (dice < 0.8) {
    const about = { method: 'read', conversation, targetSeq: Math.max(1, lastSeq) } as const;
    device.outbox.add({
      method: 'conversation.read',
      params: { conversation, seq: about.targetSeq },
      entity: device.user,
      about,
    });
  } else if (dice < 0.88) await repeat(load, device);
  else if (dice < 0.92) {
    const group = pick(load, [...load.groups.keys()]);
    const content = group === undefined || crowded ? undefined : changeMembers(load, device, group);
    if (content !== undefined) device.outbox.add(content);
  } else if (dice < 0.98) device.beat();
  else if (dice < 0.985) device.drop();
};
