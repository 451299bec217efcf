/**
 * The relay: what is left of a chat server that stores, checks and remembers nothing. It parses each frame once, builds the
 * body once and sends it once per recipient, in duolog's frames. Whoever says hello is who they say. Ends with its parent.
 *
 * Environment: PORT. POST / with `[{ id, users }]` sets the conversations.
 */
import { entryItem, messageFields, replyItem } from '@duolog/protocol';
import type { Request } from '@duolog/protocol';
import type { ServerWebSocket } from 'bun';

interface Session {
  user: string;
}

interface Member {
  socket: ServerWebSocket<Session> | undefined;
  head: number;
}

interface Talk {
  readonly members: readonly Member[];
  lastSeq: number;
}

const members = new Map<string, Member>();
const talks = new Map<string, Talk>();

const memberOf = (user: string): Member => {
  const known = members.get(user);
  if (known !== undefined) return known;
  const member: Member = { socket: undefined, head: 0 };
  members.set(user, member);
  return member;
};

const hello = (socket: ServerWebSocket<Session>, request: Request<'hello'>): void => {
  const user = request.params.token ?? '';
  socket.data.user = user;
  memberOf(user).socket = socket;
  socket.send(
    `[${replyItem(request.id, JSON.stringify({ version: 1, epoch: 'none', head: 0, user, device: 'none', heartbeatMs: 5_000, serverAt: Date.now() }))}]`,
  );
};

const send = (socket: ServerWebSocket<Session>, request: Request<'message.send'>): void => {
  const { conversation, text } = request.params;
  const talk = talks.get(conversation);
  if (talk === undefined) return;
  const seq = ++talk.lastSeq;
  const at = Date.now();
  const fields = messageFields(
    `{"conversation":"${conversation}","seq":${seq},"kind":"text","sender":"${socket.data.user}","at":${at},"text":${JSON.stringify(text)}}`,
  );
  for (const member of talk.members) {
    const useq = ++member.head;
    if (member.socket === socket) {
      const sent = `"kind":"sent","conversation":"${conversation}","seq":${seq},"at":${at},"outbox":"${request.outbox}","n":${request.n}`;
      socket.send(`[${replyItem(request.id, `{"seq":${seq},"at":${at}}`)},${entryItem(useq, sent)}]`);
    } else member.socket?.send(`[${entryItem(useq, fields)}]`);
  }
};

const isHello = (request: Request): request is Request<'hello'> => request.method === 'hello';
const isSend = (request: Request): request is Request<'message.send'> => request.method === 'message.send';

Bun.serve<Session>({
  hostname: '127.0.0.1',
  port: Number(process.env['PORT']),
  fetch: async (request, server) => {
    if (request.method !== 'POST')
      return server.upgrade(request, { data: { user: '' } }) ? undefined : new Response('bench relay');
    const plan = (await request.json()) as readonly { readonly id: string; readonly users: readonly string[] }[];
    for (const { id, users } of plan) talks.set(id, { members: users.map(memberOf), lastSeq: 0 });
    return new Response('ok');
  },
  websocket: {
    message: (socket, frame) => {
      if (typeof frame !== 'string') return;
      const request = JSON.parse(frame) as Request;
      if (isSend(request)) send(socket, request);
      else if (isHello(request)) hello(socket, request);
    },
    close: (socket) => {
      const member = memberOf(socket.data.user);
      if (member.socket === socket) member.socket = undefined;
    },
  },
});

process.stdin.on('end', () => process.exit(0)).resume();
