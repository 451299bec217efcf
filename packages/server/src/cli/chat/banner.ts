/** What is wrong with the connection, for a person. */
import type { ClientState } from '@duolog/sdk';
import { harmlessLine } from './width.ts';

/** Shorter interruptions are not worth a word. */
const QUIET_MS = 1_500;

/** The line to show; empty while all is well. `brokenMs`: for how long the client has not been live. */
export const bannerOf = (state: ClientState, nowMs: number, brokenMs: number): string => {
  switch (state.status) {
    case 'live':
      return '';
    case 'stopped':
      return state.error.code === 'unauthenticated'
        ? 'This device was signed out. Leave with Ctrl-C and start again to sign in.'
        : `Not connected: ${harmlessLine(state.error.message)} Leave with Ctrl-C and start again.`;
    case 'waiting': {
      if (brokenMs < QUIET_MS) return '';
      const seconds = Math.max(0, Math.ceil((state.retryAt - nowMs) / 1_000));
      return `Offline: trying again ${seconds === 0 ? 'now' : `in ${seconds} s`}. What you send is kept until then.`;
    }
    case 'syncing':
      return brokenMs < QUIET_MS ? '' : 'Catching up …';
    case 'connecting':
    case 'idle':
      return brokenMs < QUIET_MS ? '' : 'Connecting …';
    default: {
      const never: never = state;
      return never;
    }
  }
};
