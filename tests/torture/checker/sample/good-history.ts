/**
 * A small history in which nothing is wrong: clients with outboxes, kills, unknown outcomes, repeats, memberships,
 * edits. The same seed gives the same history.
 */
import { changeHash, hashOf } from '../../hash.ts';
import { seeded } from '../../seeded.ts';
import type { HistoryEvent } from '../../history.ts';
import { isMember, lastReadable, newState, readable, rowsOf, userOf } from './perfect-server.ts';
import {
  ask,
  drain,
  exchange,
  flush,
  later,
  learnHead,
  pick,
  pull,
  record,
  send,
  within,
  type Device,
  type SampleOptions,
  type World,
} from './world.ts';

export type { SampleOptions } from './world.ts';

/** Repeats something acknowledged: as it was, or altered. */
const repeat = (world: World, device: Device): void => {
  const old = pick(world, device.done.slice(-14));
  if (
    old === undefined ||
    !device.connected ||
    old.outbox !== device.outbox ||
    device.epoch !== world.epoch ||
    world.backup !== undefined
  )
    return;
  const altered = world.random() < 0.4 && old.method === 'send';
  const again = altered ? { ...old, command: `c${++world.counter}`, hash: hashOf(`altered ${world.counter}`) } : old;
  exchange(world, device, again, (answer) => {
    if (answer === undefined && altered)
      record(world, { type: 'abandoned', device: device.id, command: again.command });
  });
};

const page = (world: World, device: Device, conversation: string): void => {
  const askedAtUs = world.nowUs;
  const { life } = world;
  later(world, within(world, 300, 3000), () => {
    if (world.life !== life || !device.connected) return;
    const head = lastReadable(world.state, conversation, device.user);
    const items = readable(world.state, conversation, device.user).slice(-within(world, 1, 30));
    record(world, {
      type: 'page',
      askedAtUs,
      user: device.user,
      device: device.id,
      epoch: world.epoch,
      via: 'history',
      conversation,
      head,
      items,
    });
  });
};

const editSomething = (world: World, device: Device, conversation: string): void => {
  const own = readable(world.state, conversation, device.user).filter(
    ({ sender, change }) => sender === device.user && change === undefined,
  );
  const item = pick(world, own);
  if (item === undefined) return;
  const recall = world.random() < 0.2;
  ask(world, device, recall ? 'recall' : 'edit', conversation, {
    targetSeq: item.seq,
    ...(recall ? {} : { hash: hashOf(`edit ${++world.counter}`) }),
  });
};

const changeMembers = (world: World, device: Device): void => {
  const group = 'g1';
  const person = pick(world, ['carol', 'dan']) ?? 'dan';
  if (device.user !== 'alice') {
    if (world.random() < 0.2 && device.user === 'dan')
      ask(world, device, 'leave', group, { hash: changeHash('left', [device.user]) });
    return;
  }
  const add = !isMember(world.state, group, person);
  ask(world, device, add ? 'add' : 'remove', group, {
    people: [person],
    hash: changeHash(add ? 'added' : 'removed', [person]),
  });
};

/** One thing that one device does. */
const step = (world: World): void => {
  const device = pick(world, world.devices);
  if (device === undefined) return;
  const conversations = [...userOf(world.state, device.user).conversations.keys()];
  const conversation = pick(world, conversations);
  if (conversation === undefined) return;
  const dice = world.random();
  if (dice < 0.6) for (let i = within(world, 1, 3); i > 0; i--) send(world, device, conversation);
  else if (dice < 0.7) page(world, device, conversation);
  else if (dice < 0.78)
    ask(world, device, 'read', conversation, {
      targetSeq: Math.max(1, lastReadable(world.state, conversation, device.user)),
    });
  else if (dice < 0.86) repeat(world, device);
  else if (dice < 0.92) editSomething(world, device, conversation);
  else if (dice < 0.96) changeMembers(world, device);
  else if (device.connected) learnHead(world, device, 'beat');
  if (device.connected && device.epoch === world.epoch && world.random() < 0.6) pull(world, device);
};

const connect = (world: World, device: Device): void => {
  if (!world.up) return;
  device.connected = true;
  if (device.epoch !== world.epoch) {
    device.epoch = world.epoch;
    device.done.length = 0;
    device.cursor = userOf(world.state, device.user).entries.length;
    record(world, { type: 'reset', user: device.user, device: device.id, epoch: world.epoch, head: device.cursor });
    world.nowUs++;
  } else learnHead(world, device, 'hello');
  pull(world, device);
  const givesUp = world.random() < 0.25;
  for (const lane of givesUp ? device.lanes.values() : []) {
    for (const { command } of lane.waiting)
      if (world.asked.has(command)) record(world, { type: 'abandoned', device: device.id, command });
  }
  if (givesUp) {
    device.outbox = `${device.id}-${++world.counter}`;
    device.lanes.clear();
  }
  for (const entity of device.lanes.keys()) flush(world, device, entity);
};

const kill = (world: World, restore: boolean): void => {
  world.life++;
  world.up = false;
  record(world, { type: 'fault', fault: restore ? 'restore' : 'kill', node: 'one' });
  for (const device of world.devices) {
    if (device.connected) record(world, { type: 'closed', user: device.user, device: device.id, code: 1006 });
    device.connected = false;
  }
  // Longer than an exchange takes: everything under way is known to be unknown before anything is sent again.
  later(world, within(world, 10_000, 40_000), () => {
    world.up = true;
    if (restore && world.backup !== undefined) {
      world.state = structuredClone(world.backup.state);
      world.epoch = `e${world.life}`;
      record(world, { type: 'restored', backupAtUs: world.backup.atUs, epoch: world.epoch });
      world.backup = undefined;
    }
    record(world, { type: 'served', node: 'one' });
    if (world.options.cluster === true) record(world, { type: 'takeover', partition: 0, node: 'two' });
    for (const device of world.devices) later(world, within(world, 100, 8000), () => connect(world, device));
  });
};

const rest = (world: World, source: 'live' | 'reset' | 'replay', user: string, device: string, cursor: number): void =>
  record(world, { type: 'rest', user, device, source, epoch: world.epoch, cursor, rows: rowsOf(world.state, user) });

/** Everything is over: all devices catch up, fresh ones read everything. */
const finish = (world: World): void => {
  world.nowUs += 100;
  for (const device of world.devices) {
    pull(world, device);
    world.nowUs += 100;
    rest(world, 'live', device.user, device.id, device.cursor);
  }
  for (const user of world.state.users.keys()) {
    world.nowUs += 100;
    const { entries } = userOf(world.state, user);
    const [fresh, replay] = [`${user}-fresh`, `${user}-replay`];
    record(world, { type: 'reset', user, device: fresh, epoch: world.epoch, head: entries.length });
    for (const { conversation, lastSeq } of rowsOf(world.state, user)) {
      const items = readable(world.state, conversation, user);
      record(world, { type: 'final', user, device: fresh, epoch: world.epoch, conversation, lastSeq, items });
    }
    rest(world, 'reset', user, fresh, entries.length);
    const device = { user, id: replay, epoch: world.epoch, cursor: 0 };
    record(world, { type: 'resumed', user, device: replay, epoch: world.epoch, cursor: 0 });
    pull(world, { ...device, outbox: '', connected: true, sentUntilUs: 0, gotUntilUs: 0, lanes: new Map(), done: [] });
    world.nowUs += 100;
    rest(world, 'replay', user, replay, entries.length);
  }
};

const presence = (world: World): void => {
  const watcher = { user: 'olga', device: 'olga-1', subject: 'pat' };
  const beat = (): void => record(world, { type: 'beat', user: 'pat', device: 'pat-1' });
  const waitMs = (ms: number): void => {
    world.nowUs += ms * 1000;
  };
  beat();
  record(world, { type: 'watch', ...watcher });
  record(world, { type: 'presence', ...watcher, online: true });
  for (let i = 0; i < 4; i++) {
    waitMs(5000);
    beat();
  }
  waitMs(31_000);
  record(world, { type: 'presence', ...watcher, online: false });
  waitMs(20_000);
  beat();
  record(world, { type: 'presence', ...watcher, online: true });
  waitMs(2000);
  record(world, { type: 'logout', user: 'pat', device: 'pat-1' });
  waitMs(500);
  record(world, { type: 'presence', ...watcher, online: false });
  waitMs(60_000);
  record(world, { type: 'closed', user: 'olga', device: 'olga-1', code: 1000 });
};

/** Everything that will happen in the run. */
const schedule = (world: World): void => {
  const { steps, kills } = world.options;
  const spanUs = steps * 1500;
  for (let i = 0; i < steps; i++) later(world, within(world, 0, spanUs), () => step(world));
  for (let i = 1; i <= kills; i++) {
    const atUs = Math.round((spanUs * i) / (kills + 1));
    const restore = world.options.restore === true && i === Math.ceil(kills / 2);
    if (restore) {
      later(world, atUs - 30_000, () => {
        world.backup = { state: structuredClone(world.state), atUs: world.nowUs };
      });
    }
    later(world, atUs, () => {
      if (world.up) kill(world, restore);
    });
  }
};

const run = (world: World, alice: Device, second: Device, bob: Device): void => {
  const { seed, restore, cluster } = world.options;
  // Repeats of what a restore undid would prove nothing: the sample makes none then.
  const mustExercise = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, ...(restore === true ? [] : [11])];
  const limits = { minOk: 50, mustExercise, boundMs: 2000, presence: { limitMs: 30_000, jitterMs: 2000 } };
  record(world, { type: 'run', seed, cluster: cluster === true, faults: true, ...limits });
  for (const { user, id } of world.devices)
    record(world, { type: 'resumed', user, device: id, epoch: 'e0', cursor: 0 });
  ask(world, alice, 'create', 'g1', { people: ['bob', 'carol'], hash: changeHash('created', [], 'Group') });
  ask(world, second, 'create', 'd1', { people: ['bob'] });
  ask(world, bob, 'create', 'd2', { people: ['carol'] });
  drain(world);
  schedule(world);
  drain(world);
  // Whatever happened, somebody is out in the end, and something is said afterwards.
  ask(world, alice, 'remove', 'g1', { people: ['carol'], hash: changeHash('removed', ['carol']) });
  send(world, alice, 'g1');
  drain(world);
  finish(world);
  presence(world);
};

/** A good history. */
export const goodHistory = (options: SampleOptions): readonly HistoryEvent[] => {
  const device = (user: string, number: number): Device => {
    const id = `${user}-${number}`;
    const fifo = { sentUntilUs: 0, gotUntilUs: 0 };
    return {
      user,
      id,
      outbox: `${id}-o`,
      epoch: 'e0',
      cursor: 0,
      connected: true,
      ...fifo,
      lanes: new Map(),
      done: [],
    };
  };
  const [alice, second, bob] = [device('alice', 1), device('alice', 2), device('bob', 1)];
  const world: World = {
    options,
    events: [],
    devices: [alice, second, bob, device('carol', 1), device('dan', 1)],
    queue: [],
    state: newState(),
    backup: undefined,
    epoch: 'e0',
    life: 0,
    up: true,
    nowUs: 1_000_000,
    counter: 0,
    asked: new Set(),
    random: seeded(options.seed),
  };
  run(world, alice, second, bob);
  return world.events;
};
