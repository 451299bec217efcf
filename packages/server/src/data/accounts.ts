/** Accounts, and who is behind a handle. */
import type { User, UserId } from '@duolog/protocol';
import { KEYS, decodeJson, nameKey, userKey } from '../core/rows.ts';
import type { Account, Holder } from '../core/rows.ts';
import type { Store } from '../ports/store.ts';

/** An account with whose it is. */
export interface OwnedAccount extends Account {
  readonly user: UserId;
}

export const readAccount = async (store: Store, user: UserId): Promise<OwnedAccount | undefined> => {
  const value = await store.get(userKey(user), KEYS.account);
  return value === undefined ? undefined : { user, ...decodeJson<Account>(value) };
};

/** Whether somebody holds the handle. */
export const isHandleHeld = async (store: Store, handle: string): Promise<boolean> => {
  const value = await store.get(nameKey(handle), KEYS.holder);
  return value !== undefined && decodeJson<Holder>(value).user !== undefined;
};

/** The account that bears this handle. While a handle changes hands nobody may bear it for a moment. */
export const readAccountByHandle = async (store: Store, handle: string): Promise<OwnedAccount | undefined> => {
  const value = await store.get(nameKey(handle), KEYS.holder);
  const user = value === undefined ? undefined : decodeJson<Holder>(value).user;
  const account = user === undefined ? undefined : await readAccount(store, user);
  return account?.handle === handle ? account : undefined;
};

/** The accounts of these users, in the order asked for; those who do not exist are left out. */
export const readAccounts = async (store: Store, users: readonly UserId[]): Promise<readonly OwnedAccount[]> => {
  const values = await store.getMany(users.map((user) => ({ partition: userKey(user), key: KEYS.account })));
  return users.flatMap((user, i) => {
    const value = values[i];
    return value === undefined ? [] : [{ user, ...decodeJson<Account>(value) }];
  });
};

/** What everybody may see of an account. */
export const publicUser = ({ user, handle, name }: OwnedAccount): User => ({ user, handle, name });
