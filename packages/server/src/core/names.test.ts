import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { alice, bob } from '../../testing/people.ts';
import type { Parcel } from './decision.ts';
import { decideName, takeNameParcel } from './names.ts';
import type { NameState } from './names.ts';
import { KEYS, nameKey } from './rows.ts';
import { takeUserParcel } from './users.ts';
import type { UserState } from './users.ts';

const now = 1_700_000_000_000;
const free: NameState = { handle: 'alice', holder: undefined };
const signUp = { kind: 'signUp', user: alice, name: 'Alice', passwordHash: 'hash' } as const;
type NameParcel = Extract<Parcel, { kind: 'confirmed' | 'released' }>;

const claimed = (state: NameState, user: string, at = now): NameState => {
  const decision = decideName(state, user, { kind: 'claim' }, at);
  if (!decision.ok) throw new Error(decision.code);
  return decision.state;
};

test('signing up claims the handle and sends the account to its user [ACC1] [COM6]', () => {
  const decision = decideName(free, alice, signUp, now);
  if (!decision.ok) throw new Error(decision.code);
  expect(decision.result).toEqual({ user: alice });
  expect(decision.rows).toEqual([
    { partition: nameKey('alice'), key: KEYS.holder, value: `1{"user":"${alice}","at":${now},"confirmed":false}` },
  ]);
  expect(decision.parcels).toEqual([
    { kind: 'account', user: alice, handle: 'alice', claimedAt: now, name: 'Alice', passwordHash: 'hash' },
  ]);
});

test('a handle that somebody holds is taken, confirmed or not [ACC1] [CON11]', () => {
  const held = claimed(free, alice);
  const confirmed = takeNameParcel(held, { kind: 'confirmed', handle: 'alice', user: alice, claimedAt: now }).state;
  expect(confirmed.holder?.confirmed).toBe(true);
  for (const state of [held, confirmed]) {
    expect(decideName(state, bob, signUp, now)).toMatchObject({ ok: false, code: 'handleTaken' });
    expect(decideName(state, bob, { kind: 'claim' }, now)).toMatchObject({ ok: false, code: 'handleTaken' });
  }
});

test('a handle given back is free for anybody [ACC3]', () => {
  const released = takeNameParcel(claimed(free, alice), {
    kind: 'released',
    handle: 'alice',
    user: alice,
    claimedAt: now,
  });
  expect(released.state.holder).toEqual({ at: now, confirmed: false });
  expect(claimed(released.state, bob).holder?.user).toBe(bob);
});

test('each claim of a name has its own time, though the clock stands still or jumps back [ACC4]', () => {
  const first = claimed(free, alice, now);
  const second = claimed(first, alice, now);
  const third = claimed(second, alice, now - 60_000);
  expect([first, second, third].map(({ holder }) => holder?.at)).toEqual([now, now + 1, now + 2]);
});

test('what arrives late about an earlier claim changes nothing [ACC4]', () => {
  const again = claimed(claimed(free, alice), alice);
  for (const kind of ['confirmed', 'released'] as const) {
    const late = takeNameParcel(again, { kind, handle: 'alice', user: alice, claimedAt: now });
    expect(late.state).toBe(again);
    expect(late.rows).toEqual([]);
  }
  expect(takeNameParcel(free, { kind: 'released', handle: 'alice', user: alice, claimedAt: now }).state).toBe(free);
});

test('a handle of somebody else now is not touched by its former holder’s parcels [ACC4]', () => {
  const released = takeNameParcel(claimed(free, alice), {
    kind: 'released',
    handle: 'alice',
    user: alice,
    claimedAt: now,
  }).state;
  const taken = claimed(released, bob);
  expect(takeNameParcel(taken, { kind: 'released', handle: 'alice', user: alice, claimedAt: now }).state).toBe(taken);
});

/** Names and one user, with parcels between them that keep their order per pair but are late as one likes. */
class Town {
  readonly names = new Map<string, NameState>();
  user: UserState = {
    user: alice,
    head: 0,
    log: { bucket: 0 },
    account: { handle: 'start', claimedAt: 1, name: 'Alice', createdAt: 1, passwordHash: 'hash', devices: [] },
    conversation: undefined,
  };
  readonly toUser = new Map<string, Parcel[]>();
  readonly toNames = new Map<string, NameParcel[]>();

  constructor(handles: readonly string[]) {
    for (const handle of handles) {
      this.names.set(handle, {
        handle,
        holder: handle === 'start' ? { user: alice, at: 1, confirmed: true } : undefined,
      });
      this.toUser.set(handle, []);
      this.toNames.set(handle, []);
    }
  }

  claim(handle: string): void {
    const state = this.names.get(handle);
    const decision = state === undefined ? undefined : decideName(state, alice, { kind: 'claim' }, now);
    if (decision === undefined || !decision.ok) throw new Error('a claim of one’s own failed');
    this.names.set(handle, decision.state);
    this.toUser.get(handle)?.push(...decision.parcels);
  }

  /** Lets the oldest parcel on its way from or to this name arrive. */
  deliver(handle: string, way: 'toUser' | 'toNames'): boolean {
    const parcel = this[way].get(handle)?.shift();
    if (parcel === undefined) return false;
    if (parcel.kind === 'handle') {
      const decided = takeUserParcel(this.user, parcel, now);
      this.user = decided.state;
      for (const next of decided.parcels) {
        if (next.kind === 'confirmed' || next.kind === 'released') this.toNames.get(next.handle)?.push(next);
      }
    } else if (parcel.kind === 'confirmed' || parcel.kind === 'released') {
      const state = this.names.get(parcel.handle);
      if (state !== undefined) this.names.set(parcel.handle, takeNameParcel(state, parcel).state);
    }
    return true;
  }

  settle(): void {
    for (let moved = true; moved;) {
      moved = false;
      for (const handle of this.names.keys()) {
        for (const way of ['toUser', 'toNames'] as const) while (this.deliver(handle, way)) moved = true;
      }
    }
  }
}

test('however claims and their parcels interleave, one holds at last exactly the handle one’s row names [ACC3] [ACC4]', () => {
  const handles = ['start', 'a', 'b'];
  const step = fc.record({ what: fc.constantFrom('claim', 'toUser', 'toNames'), handle: fc.constantFrom(...handles) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => {
      const town = new Town(handles);
      for (const { what, handle } of steps) {
        if (what === 'claim') town.claim(handle);
        else if (what === 'toUser' || what === 'toNames') town.deliver(handle, what);
      }
      town.settle();
      const { account } = town.user;
      const held = handles.filter((handle) => town.names.get(handle)?.holder?.user === alice);
      if (account === undefined || account === 'unloaded') throw new Error('no account');
      expect(held).toEqual([account.handle]);
      expect(town.names.get(account.handle)?.holder).toEqual({ user: alice, at: account.claimedAt, confirmed: true });
    }),
    { numRuns: 2_000 },
  );
});
