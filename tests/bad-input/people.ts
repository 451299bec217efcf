/** Accounts at a server that is being tested. */
import { call } from './call.ts';

export interface Person {
  readonly user: string;
  readonly handle: string;
  readonly token: string;
}

const password = 'correct horse';

/** Settings of a server that is to be asked a lot. */
export const PATIENT = {
  DUOLOG_MESSAGES_PER_SECOND: '100000',
  DUOLOG_CONVERSATIONS_PER_MINUTE: '100000',
  DUOLOG_SIGN_UPS_PER_HOUR: '1000000',
  DUOLOG_LOG_INS_PER_MINUTE: '1000000',
  DUOLOG_LOG_INS_PER_HANDLE_PER_MINUTE: '1000000',
} as const;

export const signUp = async (url: string, handle: string): Promise<Person> => {
  const { user } = await call(url, 'account.signUp', { handle, password });
  const { token } = await call(url, 'session.logIn', { handle, password, deviceName: 'test' });
  return { user, handle, token };
};

/** Another device of the same person. */
export const logIn = async (url: string, { user, handle }: Person): Promise<Person> => {
  const { token } = await call(url, 'session.logIn', { handle, password, deviceName: 'test' });
  return { user, handle, token };
};
