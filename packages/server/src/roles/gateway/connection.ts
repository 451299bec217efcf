/** One WebSocket of a device, as the gateway keeps it. */
import type { CloseReason, ConversationId, DeviceId, UserId, WireError } from '@duolog/protocol';
import type { Caller } from '../../methods/handler.ts';
import type { Answers, Call } from '../dispatch.ts';

/** What a gateway needs of a WebSocket; the runtime's own fits without anything around it. */
export interface Socket {
  /** Sends a frame of text or bytes. The bytes sent; -1: it waits with others; 0: it was not taken, the socket is of no use. */
  send(data: string | Uint8Array<ArrayBuffer>): number;
  /** Bytes that wait to be written. */
  getBufferedAmount(): number;
  /** Sends a close frame and lets go of the socket, whether the other side answers or not. */
  close(code: number, reason: string): void;
}

/** A call that waits for others of its connection. */
export interface WaitingCall {
  readonly id: number;
  readonly call: Call;
}

/** What is kept of a connection while bytes wait to be written to it (SYN9). */
export interface Lag {
  /** Waiting bytes when last looked at. */
  waitingBytes: number;
  /** Tick of the last progress. */
  progressAt: number;
  /** Live entries were left out: the client is told the head once it has caught up. */
  behind: boolean;
}

/** What connections share: who takes their answers. */
export interface Desk {
  answered(connection: Connection, id: number, resultJson: string): void;
  refused(connection: Connection, id: number, error: WireError): void;
  headOf(seat: number): number;
}

/** `new`: nothing said yet; `joining`: hello is being answered; `open`: signed in; `ended`: closed, by whomever. */
export type ConnectionState = 'new' | 'joining' | 'open' | 'ended';

/** There are many, most of them idle: fields without a value for long are undefined. */
export class Connection implements Answers, Caller {
  readonly socket: Socket;
  readonly desk: Desk;
  /** Its place in {@link Seats}. */
  readonly seat: number;
  state: ConnectionState = 'new';
  user: UserId = '';
  device: DeviceId = '';
  /** Another connection of the same user at this gateway. */
  sibling: Connection | undefined = undefined;
  /** Items that wait for the end of the turn, joined. */
  out = '';
  /** Requests without an answer so far, and their length. */
  underWay = 0;
  underWayLength = 0;
  /** Queries being read, and those that wait. */
  reading = 0;
  waiting: WaitingCall[] | undefined = undefined;
  /** The last command whose look-ups are under way: those behind it wait. */
  preparing: Promise<void> | undefined = undefined;
  /** Characters of answers to queries that may still wait to be written: the client asked for them. */
  askedLength = 0;
  watched: readonly ConversationId[] | undefined = undefined;
  lag: Lag | undefined = undefined;

  constructor(socket: Socket, desk: Desk, seat: number) {
    this.socket = socket;
    this.desk = desk;
    this.seat = seat;
  }

  get head(): number {
    return this.desk.headOf(this.seat);
  }

  answered(id: number, resultJson: string): void {
    this.desk.answered(this, id, resultJson);
  }

  refused(id: number, error: WireError): void {
    this.desk.refused(this, id, error);
  }
}

/** Ends a connection, giving the reason. Doing it twice does nothing. */
export type EndConnection = (connection: Connection, reason: CloseReason) => void;
