/** Hashes that are not about secrets. */

/** Two 32-bit lanes of multiply-and-xor over UTF-16 units (cyrb53's mixing). Not for use against an adversary. */
const lanes = (...texts: readonly string[]): readonly [number, number] => {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 2654435761);
      b = Math.imul(b ^ unit, 1597334677);
    }
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return [a >>> 0, b >>> 0];
};

/**
 * Hash of a command's method and content: tells a repeat from another command under the same n (COM10). 64 bits as two
 * signed decimals; one who makes two of one's own commands collide only gets the first one's answer.
 */
export const contentHash = (method: string, content: string): string => {
  const [a, b] = lanes(method, ' ', content);
  // Signed, since small integers become text at a quarter of the cost of other numbers.
  return `${a | 0}.${b | 0}`;
};

/** The partition an entity lives in. */
export const partitionOf = (entity: string, partitions: number): number =>
  partitions === 1 ? 0 : lanes(entity)[0] % partitions;

/** Rendezvous weight of a node for a partition: the highest one of those alive is to own it. */
export const rendezvousWeight = (node: string, partition: number): number => {
  const [a, b] = lanes(`${partition}@${node}`);
  return a * 0x100000 + (b >>> 12);
};
