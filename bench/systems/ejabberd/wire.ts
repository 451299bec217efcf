/**
 * XMPP over WebSocket (RFC 7395): one stanza a frame.
 *
 * One-to-one: ejabberd archives a message for the sender, then for the recipient, and then writes it to the recipient's socket.
 * So its arrival is what proves it stored for both, and lets the sender go on. (Stream management, XEP-0198, would tell the sender after its own
 * archive row alone, and costs a fifth of the rate.) Groups (XEP-0045): the room archives a message and then reflects it to all
 * occupants; the sender's own reflection is the acknowledgement.
 */
import { scanText } from '../../load/message-text.ts';
import { OwnAsAcknowledged } from '../../load/own-as-acknowledged.ts';
import type { Cast, Channel, Sink, Wire } from '../../system.ts';
import { conferenceHost } from './config.ts';

const tilde = 0x7e;

const framing = "xmlns='urn:ietf:params:xml:ns:xmpp-framing'";
const client = "xmlns='jabber:client'";
const resource = 'bench';

const isGroup = (members: readonly number[]): boolean => members.length > 2;

const expect = async (
  channel: Channel,
  what: string,
  refusal: RegExp = /<failure|<failed|type='error'/,
): Promise<void> => {
  for (;;) {
    const frame = await channel.next();
    if (refusal.test(frame)) throw new Error(`instead of ${what}: ${frame}`);
    if (frame.includes(what)) return;
  }
};

const open = async (channel: Channel): Promise<void> => {
  channel.send(`<open ${framing} to='localhost' version='1.0'/>`);
  await expect(channel, '<stream:features');
};

const signIn = async (user: string, password: string, channel: Channel): Promise<void> => {
  await open(channel);
  const credentials = Buffer.from(`\0${user}\0${password}`).toString('base64');
  channel.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${credentials}</auth>`);
  await expect(channel, '<success');
  await open(channel);
  const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`;
  channel.send(`<iq ${client} type='set' id='bind'>${bind}</iq>`);
  await expect(channel, "type='result'");
  channel.send(`<presence ${client}/>`);
  await expect(channel, '<presence');
};

const joinRoom = async (user: string, room: string, channel: Channel): Promise<void> => {
  channel.send(`<presence ${client} to='${room}/${user}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await expect(channel, "<status code='110'/>");
};

const scanDirect = (bytes: Uint8Array, start: number, end: number, sink: Sink): void => {
  const at = bytes.indexOf(tilde, start);
  if (at >= start && at < end) scanText(bytes, at, end, sink);
};

const scanGroup = () => {
  // A room reflects a message to its sender too.
  const own = new OwnAsAcknowledged();
  return (bytes: Uint8Array, start: number, end: number, sink: Sink): void => {
    const at = bytes.indexOf(tilde, start);
    if (at >= start && at < end) scanText(bytes, at, end, own.of(sink));
  };
};

export const ejabberdWire = (cast: Cast): Wire => {
  const talkOf = new Map(cast.talks.flatMap((talk) => talk.members.map((seat) => [seat, talk] as const)));
  const grouped = cast.talks.some((talk) => isGroup(talk.members));
  const addressee = (seat: number): string => {
    const talk = talkOf.get(seat);
    if (grouped) return `type='groupchat' to='${talk?.id}'`;
    const other = talk?.members.find((member) => member !== seat) ?? 0;
    return `type='chat' to='${cast.seats[other]?.user}@localhost'`;
  };
  return {
    path: '/ws',
    subprotocol: 'xmpp',
    signIn: async (seat, channel) => {
      const { user = '', secret = '' } = cast.seats[seat] ?? {};
      await signIn(user, secret, channel);
      const talk = talkOf.get(seat);
      if (grouped && talk !== undefined) await joinRoom(user, talk.id, channel);
    },
    encodeSend: (seat, n, text) => `<message ${client} ${addressee(seat)} id='${n}'><body>${text}</body></message>`,
    arrivalAcknowledges: !grouped,
    scan: grouped ? scanGroup() : scanDirect,
  };
};

export const roomOf = (index: number): string => `room${index}@${conferenceHost}`;
