/**
 * The client process of a torture run: many devices of a few users over real sockets. Its one argument is a JSON object,
 * {@link ClientRun}. Says `ready` when everything is set up and the load has begun, `done` when the history is complete;
 * `finish` on its standard input ends the load; so does `lost`, when no server comes back.
 */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../seeded.ts';
import { nowUs } from '../clock.ts';
import { openRecorder } from '../record.ts';
import { createDevice, type Device, type Source } from './device.ts';
import { finish, lose } from './finish.ts';
import { act, createDirectOf, createGroupOf, directId, type Load } from './load.ts';
import { logIn, signUp, type Person, type SignedIn } from './people.ts';

export interface ClientRun {
  /** `http://host:port` */
  readonly base: string;
  readonly seed: number;
  readonly history: string;
  readonly users: number;
  readonly devicesEach: number;
}

const pauseMs = { least: 4, spread: 16 };
/** A device comes and goes this often. */
const churnEveryMs = 6000;

const run = JSON.parse(process.argv[2] ?? '{}') as ClientRun;
const { base, seed } = run;
const random = seeded(seed);
const recorder = openRecorder(run.history);

const make = (signedIn: SignedIn, source: Source, overHttp = false): Device =>
  createDevice({ ...signedIn, id: signedIn.device, base, recorder, clock: nowUs, random, overHttp, source });

const signUpAll = async (): Promise<readonly Person[]> => {
  const people: Person[] = [];
  for (let i = 0; i < run.users; i++) people.push(await signUp(base, `user${i}`));
  return people;
};

const startDevices = async (people: readonly Person[]): Promise<Device[]> => {
  const devices: Device[] = [];
  for (const [i, person] of people.entries()) {
    for (let d = 0; d < run.devicesEach; d++) {
      const signedIn = await logIn(base, person, `d${i}-${d}`);
      if (signedIn === undefined) throw new Error(`${person.handle} cannot log in`);
      // The last device of every other user sends over HTTP.
      devices.push(make(signedIn, 'live', d > 0 && i % 2 === 0 && d === run.devicesEach - 1));
    }
  }
  return devices;
};

/** Groups of different sizes, some direct conversations, saved messages. */
const begin = (load: Load, devices: readonly Device[]): void => {
  const firstOf = new Map(devices.toReversed().map((device) => [device.user, device]));
  const users = load.people.map(({ user }) => user);
  for (const [group, owner] of load.groups) {
    const others = users.filter((user) => user !== owner && random() < 0.7);
    firstOf.get(owner)?.outbox.add(createGroupOf(load, group, others));
  }
  for (const [i, user] of users.entries()) {
    const other = users[(i + 1) % users.length] ?? user;
    firstOf.get(user)?.outbox.add(createDirectOf(directId(user, other), other));
  }
};

/** A user signs a device in, uses it for a while, and signs it out. */
const churn = async (load: Load, person: Person, byName: string, other: Device): Promise<void> => {
  const signedIn = await logIn(base, person, byName);
  if (signedIn === undefined) return;
  const device = make(signedIn, 'live');
  for (const endMs = performance.now() + churnEveryMs / 2; performance.now() < endMs; await sleep(50))
    await act(load, device);
  device.outbox.abandon();
  device.retire();
  other.outbox.add({
    method: 'device.revoke',
    params: { device: device.id },
    entity: person.user,
    about: { method: 'other' },
  });
};

const finishing = new AbortController();
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'finish' || line === 'lost') finishing.abort(line);
});

const work = async (load: Load, device: Device): Promise<void> => {
  while (!finishing.signal.aborted) {
    if (device.isReady()) await act(load, device);
    await sleep(pauseMs.least + random() * pauseMs.spread);
  }
};

const churnAll = async (load: Load, devices: readonly Device[]): Promise<void> => {
  for (let round = 0; !finishing.signal.aborted; round++) {
    const person = load.people[round % load.people.length];
    const other = devices.find(({ user }) => user === person?.user);
    if (person !== undefined && other !== undefined) await churn(load, person, `churn${round}`, other);
    for (const endMs = performance.now() + churnEveryMs / 2; performance.now() < endMs && !finishing.signal.aborted;)
      await sleep(50);
  }
};

const people = await signUpAll();
const devices = await startDevices(people);
const groups = new Map(people.slice(0, 3).map(({ user }) => [`g.${randomBytes(12).toString('base64url')}`, user]));
const load: Load = { base, people, groups, random, counter: { last: 0 } };
begin(load, devices);
while (devices.some(({ outbox, isReady }) => !isReady() || outbox.waiting() > 0)) await sleep(10);
process.stdout.write('ready\n');
await Promise.all([...devices.map((device) => work(load, device)), churnAll(load, devices)]);
if (finishing.signal.reason === 'lost') lose(devices, recorder);
else await finish({ base, people, devices, recorder, make });
recorder.close();
process.stdout.write('done\n');
process.exit(0);
