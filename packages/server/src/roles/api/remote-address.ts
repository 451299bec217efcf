/** Who is at the other end, as far as it can be believed. */

export interface Peer {
  /** Address of the client. */
  readonly address: string;
  /** Whether the client speaks TLS, to us or to a proxy in front. */
  readonly secure: boolean;
}

/** IPv4 addresses that come over an IPv6 socket are IPv4 addresses. */
const plain = (address: string): string =>
  address
    .trim()
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, '');

/**
 * The client behind trusted proxies: each appended the address it saw to X-Forwarded-For, so the last one that is no
 * trusted proxy is the client; what stands before it anybody can write.
 */
export const peerOf = (headers: Headers, socketAddress: string, proxies: readonly string[]): Peer => {
  const direct = plain(socketAddress);
  if (!proxies.includes(direct)) return { address: direct, secure: false };
  const hops = (headers.get('x-forwarded-for') ?? '')
    .split(',')
    .map(plain)
    .filter((hop) => hop !== '');
  const client = hops.findLast((hop) => !proxies.includes(hop)) ?? hops[0] ?? direct;
  return { address: client, secure: headers.get('x-forwarded-proto') === 'https' };
};

/** What proxies add, in whatever manner they are set up, and browsers for pages. */
const SENT_FOR_OTHERS = ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip', 'origin'];

const OWN_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/** Whether a browser asks because a person typed the address, or went on from our own page; a name of somebody else may lead to us too. */
const isByPerson = (headers: Headers): boolean => {
  const site = headers.get('sec-fetch-site') ?? 'none';
  return site === 'none' || (site === 'same-origin' && OWN_HOST.test(headers.get('host') ?? ''));
};

/** Whether a program of this very machine asks, and none that brings somebody else's requests: no proxy, no foreign page. */
export const isFromHere = (headers: Headers, { address }: Peer): boolean =>
  /^(?:127(?:\.\d{1,3}){3}|::1)$/.test(address) &&
  !SENT_FOR_OTHERS.some((name) => headers.has(name)) &&
  isByPerson(headers);

/** What shares a rate limit: an IPv4 address, or the /64 network that one IPv6 customer has at the least. */
export const rateKeyOf = (address: string): string => {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array.from({ length: zeros }, () => '0'), ...back];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
};

/** The address the client came to, as an http URL without a path; `url` if that is set. Who names no host is taken for one of this machine. */
export const addressOf = (request: Request, peer: Peer, url: string | undefined): string => {
  if (url !== undefined) return url.replace(/\/+$/, '').replace(/^ws/, 'http');
  return `${peer.secure ? 'https' : 'http'}://${request.headers.get('host') || 'localhost'}`;
};
