/**
 * The 200-byte texts. Each begins with `~SENDER.N~`, so that a receiver knows which message it holds from a byte scan alone;
 * no system's frames hold a `~` elsewhere. The rest is random words without characters that JSON or XML escape, so that a store's
 * compression finds what it finds in real texts and not more.
 */
import type { Sink } from '../system.ts';

const textBytes = 200;

const vocabulary =
  'the and you that was for are with his they this have from one had word but not what all were when your can said there use each which she how their will other about out many then them these some her would make like him into time has look two more write see number way could people than first water been call who its now find long down day did get come made may part over new sound take only little work know place year live back give most very after thing our just name good sentence man think say great where help through much before line right too mean old any same tell boy follow came want show also around form three small set put end does another well large must big even such because turn here why ask went men read need land different home move try kind hand picture again change off play spell air away animal house point page letter mother answer found study still learn should world'.split(
    ' ',
  );

/** Words for texts, always the same for a seed. */
export const wordsOf = (seed: number): string => {
  // Numbers of Park and Miller's minimal standard generator.
  let state = ((seed + 1) * 48_271) % 2_147_483_647;
  let words = '';
  while (words.length < textBytes) {
    state = (state * 48_271) % 2_147_483_647;
    words += `${vocabulary[state % vocabulary.length]} `;
  }
  return words;
};

/** The text of message `n` of a seat. */
export const messageText = (seat: number, n: string, words: string): string => {
  const marker = `~${seat}.${n}~`;
  return marker + words.slice(0, textBytes - marker.length);
};

const tilde = 0x7e;
const dot = 0x2e;

/**
 * Reads the text whose first byte, a `~`, is at `at` and reports it. Returns where to go on: the last byte of the text, or `at` when what
 * is there is no such text.
 */
export const scanText = (bytes: Uint8Array, at: number, end: number, sink: Pick<Sink, 'delivered'>): number => {
  let sender = 0;
  let here = at + 1;
  let byte = bytes[here] ?? 0;
  while (here < end && byte !== dot) {
    sender = sender * 10 + byte - 48;
    byte = bytes[++here] ?? 0;
  }
  let n = 0;
  byte = bytes[++here] ?? 0;
  while (here < end && byte !== tilde) {
    n = n * 10 + byte - 48;
    byte = bytes[++here] ?? 0;
  }
  if (here >= end) return at;
  sink.delivered(sender, n);
  return at + textBytes - 1;
};
