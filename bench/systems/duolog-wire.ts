/** Duolog's protocol as the load generator speaks it; the relay speaks it too. */
import { SOCKET_PATH, encodeBeat, newOutboxId } from '@duolog/protocol';
import type { MethodName, Params, Result } from '@duolog/protocol';
import { scanText } from '../load/message-text.ts';
import type { Cast, Channel, Sink, Wire } from '../system.ts';

const tilde = 0x7e;
const brace = 0x7b;
const letterT = 0x74;
const letterR = 0x72;

/** What precedes the id in a reply, and in which place of it the letters are that tell it from an entry. */
const replyHead = '{"type":"reply","id":';
const kindOffset = '{"type":"'.length;
const resultHead = ',"result"';

const scanReply = (bytes: Uint8Array, at: number, end: number, sink: Sink): number => {
  let n = 0;
  let here = at + replyHead.length;
  for (; here < end; here++) {
    const digit = (bytes[here] ?? 0) - 48;
    if (digit < 0 || digit > 9) break;
    n = n * 10 + digit;
  }
  if (bytes[here + 2] === letterR) sink.acknowledged(n);
  else sink.failed(Buffer.from(bytes.subarray(at, Math.min(end, here + 300))).toString());
  return here + resultHead.length;
};

const scan = (bytes: Uint8Array, start: number, end: number, sink: Sink): void => {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === tilde) at = scanText(bytes, at, end, sink);
    else if (byte === brace && bytes[at + kindOffset] === letterR && bytes[at + 2] === letterT) {
      at = scanReply(bytes, at, end, sink);
    }
  }
};

interface ItemOnWire {
  readonly type: string;
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly detail: string };
}

/** Asks and waits for the reply; everything else that comes meanwhile is dropped. Ids of queries are above those of messages. */
let queries = 0;
const ask = async <M extends MethodName>(channel: Channel, method: M, params: Params<M>): Promise<Result<M>> => {
  const id = 1_000_000_000 + ++queries;
  channel.send(JSON.stringify({ id, method, params }));
  for (;;) {
    const items = JSON.parse(await channel.next()) as readonly ItemOnWire[];
    const reply = items.find((item) => item.type === 'reply' && item.id === id);
    if (reply?.error !== undefined) throw new Error(`${method}: ${reply.error.code}: ${reply.error.detail}`);
    if (reply !== undefined) return reply.result as Result<M>;
  }
};

const beatMs = 5_000;
const syncPage = 200;
const historyPage = 50;

export const duologWire = (cast: Cast): Wire => {
  const talkOf = new Map(cast.talks.flatMap((talk) => talk.members.map((seat) => [seat, talk.id] as const)));
  const outboxes = cast.seats.map(() => newOutboxId());
  const heads = new Map<number, number>();
  const lastSeqs = new Map<number, number>();
  let epoch = '';
  return {
    path: SOCKET_PATH,
    signIn: async (seat, channel) => {
      const welcome = await ask(channel, 'hello', { versions: [1], token: cast.seats[seat]?.secret ?? '' });
      epoch = welcome.epoch;
      heads.set(seat, welcome.head);
    },
    encodeSend: (seat, n, text) =>
      `{"id":${n},"method":"message.send","params":{"conversation":"${talkOf.get(seat)}","text":"${text}"},"outbox":"${outboxes[seat]}","n":${n}}`,
    scan,
    beat: { everyMs: beatMs, frame: encodeBeat(0) },
    sync: async (seat, missed, channel) => {
      let [at, received, more] = [Math.max(0, (heads.get(seat) ?? 0) - missed), 0, true];
      while (more) {
        const page = await ask(channel, 'sync', { epoch, cursor: at, limit: syncPage });
        if (page.state === 'reset') throw new Error('sync answered reset');
        received += page.entries.length;
        at = page.entries.at(-1)?.useq ?? at;
        more = page.more;
      }
      return received;
    },
    historyPage: async (seat, share, channel) => {
      const conversation = talkOf.get(seat) ?? '';
      const lastSeq = lastSeqs.get(seat) ?? (await ask(channel, 'message.list', { conversation, limit: 1 })).lastSeq;
      lastSeqs.set(seat, lastSeq);
      const before = Math.floor(historyPage + 1 + share * (lastSeq - historyPage));
      const page = await ask(channel, 'message.list', { conversation, before, limit: historyPage });
      return page.messages.length;
    },
  };
};
