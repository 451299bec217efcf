/** What methods may use of the edge. Composed once per node (boot.ts). */
import type { Limits } from '@duolog/protocol';
import type { Queries } from '../data/queries.ts';
import type { Clock } from '../ports/clock.ts';
import type { Counter } from '../ports/metrics.ts';
import type { Passwords } from '../ports/passwords.ts';
import type { Tokens } from '../ports/tokens.ts';
import type { Rates } from './rates.ts';

/** Which chat servers a client may connect to; the api role's discovery knows. */
interface ChatServers {
  /** Up to three addresses, best first; none while no chat server is known. */
  find(): readonly string[];
}

export interface Context {
  readonly queries: Queries;
  readonly clock: Clock;
  readonly passwords: Passwords;
  readonly tokens: Tokens;
  readonly servers: ChatServers;
  readonly rates: Rates;
  /** Holes that clients saw in what entries brought them (SYN12): there should be none. */
  readonly holes: Counter;
  /** As told in `welcome`: the protocol's, or settings where they are ones. */
  readonly limits: Limits;
}
