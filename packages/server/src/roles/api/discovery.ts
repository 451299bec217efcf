/** Discovery: which chat servers a client should try. */
import type { Alive } from '../../pump/messages.ts';

/** Stands for the server that the client's request came to. */
export const OWN_ADDRESS = '';

/** Chat servers named to a client, at most. */
const MAX_SERVERS = 3;

/**
 * Addresses of up to three live gateways that are not draining, best first, by the power of two choices: of two drawn at
 * random the one with fewer connections. So load evens out and no gateway gets everybody at once, although what is known
 * of load is a second old. Gateways that name no address are {@link OWN_ADDRESS}. `random` gives numbers from 0 to below 1.
 */
export const chooseServers = (nodes: readonly Alive[], random: () => number): readonly string[] => {
  const left = nodes.filter(({ roles, draining }) => roles.includes('gateway') && !draining);
  const draw = (): number => Math.min(left.length - 1, Math.floor(random() * left.length));
  const chosen: string[] = [];
  while (left.length > 0 && chosen.length < MAX_SERVERS) {
    const [one, other] = [draw(), draw()];
    const better = (left[one]?.load ?? 0) <= (left[other]?.load ?? 0) ? one : other;
    const [taken] = left.splice(better, 1);
    const address = taken?.address ?? OWN_ADDRESS;
    if (!chosen.includes(address)) chosen.push(address);
  }
  return chosen;
};
