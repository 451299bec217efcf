/** The end of a run: everything settles, all devices meet, fresh ones read everything. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Recorder } from '../record.ts';
import type { Device, Page, Source } from './device.ts';
import { logIn, type Person, type SignedIn } from './people.ts';
import { itemOf } from './wire.ts';

export interface Ending {
  readonly base: string;
  readonly people: readonly Person[];
  readonly devices: readonly Device[];
  readonly recorder: Recorder;
  readonly make: (signedIn: SignedIn, source: Source) => Device;
}

/** Longer than the bound of the history, so that lateness is judged there and not cut off here. */
const patienceMs = 25_000;

/** Waits for a state, as long as there is progress on the way to it: a number that changes. */
const until = async (state: () => boolean, progress: () => number): Promise<void> => {
  let last = progress();
  for (let endMs = performance.now() + patienceMs; performance.now() < endMs && !state(); await sleep(20)) {
    if (progress() === last) continue;
    last = progress();
    endMs = performance.now() + patienceMs;
  }
};

const noProgress = (): number => 0;

/** All devices of each user have applied all that any of them has heard of. */
const haveMet = (devices: readonly Device[]): boolean =>
  devices.every(({ user, follower, isReady }) => {
    const highest = Math.max(
      ...devices.filter((other) => other.user === user).map((other) => other.follower.highest()),
    );
    return isReady() && follower.cursor() === highest;
  });

const meet = async (devices: readonly Device[]): Promise<void> => {
  await until(() => devices.every(({ isReady }) => isReady()), noProgress);
  // Twice: the first may have been under way, and know nothing of what was acknowledged since.
  for (let i = 0; i < 2; i++) await Promise.all(devices.map(({ follower }) => follower.pull()));
  const applied = (): number => devices.reduce((sum, { follower }) => sum + follower.cursor(), 0);
  await until(() => haveMet(devices), applied);
};

/** Everything a user may read of a conversation. */
const readFinal = async (
  { user, id, call, follower }: Device,
  conversation: string,
  recorder: Recorder,
): Promise<void> => {
  const epoch = follower.epoch();
  if (epoch === undefined) throw new Error(`${id} never began`);
  for (let after = 0, more = true; more;) {
    const outcome = await call('message.list', { conversation, after, limit: 200 });
    if (outcome.kind !== 'ok')
      throw new Error(`the final log of ${conversation} cannot be read: ${JSON.stringify(outcome)}`);
    const page = outcome.result as unknown as Page;
    const items = page.messages.map(itemOf);
    recorder.record({ type: 'final', user, device: id, epoch, conversation, lastSeq: page.lastSeq, items });
    after = items.at(-1)?.seq ?? after;
    ({ more } = page);
  }
};

/** Nothing of this conversation can be read by this user any more. */
const readNothing = ({ user, id, follower }: Device, recorder: Recorder): void => {
  const epoch = follower.epoch() ?? 'none';
  for (const conversation of follower.rows.keys()) {
    recorder.record({ type: 'final', user, device: id, epoch, conversation, lastSeq: 0, items: [] });
  }
};

/** No server comes back: nothing that was acknowledged can be read. */
export const lose = (devices: readonly Device[], recorder: Recorder): void => {
  for (const device of devices) readNothing(device, recorder);
};

export const finish = async ({ base, people, devices, recorder, make }: Ending): Promise<void> => {
  // Devices that the server has forgotten wait for nothing.
  const known = (): readonly Device[] => devices.filter((device) => !device.isRefused());
  await until(() => known().every(({ outbox, isReady }) => outbox.waiting() === 0 && isReady()), noProgress);
  // Signed in before anything comes to rest: a new device is an entry too.
  const signedIn: (readonly [SignedIn, Source])[] = [];
  for (const person of people) {
    for (const source of ['reset', 'replay'] as const) {
      const session = await logIn(base, person, `${source}-${person.handle}`);
      if (session !== undefined) signedIn.push([session, source]);
    }
  }
  await meet(known());
  for (const device of known()) device.rest();
  // How long these take depends on how much there is to read, so they come after those that have to be in time.
  const fresh = signedIn.map(([session, source]) => make(session, source));
  for (const device of devices) if (!fresh.some(({ user }) => user === device.user)) readNothing(device, recorder);
  await meet(fresh);
  for (const device of fresh) {
    for (const conversation of device.source === 'reset' ? device.follower.rows.keys() : []) {
      await readFinal(device, conversation, recorder);
    }
    device.rest();
  }
};
