/** Decisions of names: who holds a handle. Pure. */
import type { UserId } from '@duolog/protocol';
import type { NameCommand } from './commands.ts';
import type { Decided, Decision, Parcel } from './decision.ts';
import { refused, unchanged } from './decision.ts';
import { KEYS, encodeJson, nameKey } from './rows.ts';
import type { Holder } from './rows.ts';

/** What decides about a name. */
export interface NameState {
  readonly handle: string;
  /** Undefined: nobody has ever held it. */
  readonly holder: Holder | undefined;
}

const held = (state: NameState, holder: Holder, result: object, parcels: readonly Parcel[]): Decided<NameState> => ({
  ok: true,
  state: { ...state, holder },
  result,
  rows: [{ partition: nameKey(state.handle), key: KEYS.holder, value: encodeJson(holder) }],
  parcels,
  deliveries: [],
});

/** Decides about a command to a name; `user` is who asks, or who is to be. */
export const decideName = (state: NameState, user: UserId, command: NameCommand, now: number): Decision<NameState> => {
  const { handle, holder } = state;
  if (holder?.user !== undefined && holder.user !== user) return refused('handleTaken', 'This handle is taken.');
  const claimedAt = Math.max(now, (holder?.at ?? 0) + 1);
  const claimed = { user, at: claimedAt, confirmed: false };
  switch (command.kind) {
    case 'signUp': {
      const { name, passwordHash } = command;
      return held(state, claimed, { user }, [{ kind: 'account', user, handle, claimedAt, name, passwordHash }]);
    }
    case 'claim':
      return held(state, claimed, {}, [{ kind: 'handle', user, handle, claimedAt }]);
    default: {
      const never: never = command;
      return never;
    }
  }
};

/** The user's row names this handle, or does not any more. A parcel about an earlier claim changes nothing. */
export const takeNameParcel = (
  state: NameState,
  parcel: Extract<Parcel, { kind: 'confirmed' | 'released' }>,
): Decided<NameState> => {
  const { holder } = state;
  if (holder?.user !== parcel.user || holder.at !== parcel.claimedAt) return unchanged(state);
  return parcel.kind === 'confirmed'
    ? held(state, { ...holder, confirmed: true }, {}, [])
    : held(state, { at: holder.at, confirmed: false }, {}, []);
};
