/** Name of a running node: unlike that of any other, also of the same machine's earlier life. */
export type NodeId = string;

/**
 * Messages between nodes: at most once, in order per pair of nodes, bounded. Nothing tells whether one arrived; whoever
 * needs an answer asks for it and takes silence for unknown. A message is plain data (in process it passes by; elsewhere
 * it travels as JSON), so neither side changes it after sending.
 */
export interface Bus<M> {
  readonly node: NodeId;
  /** To one node (oneself included). False: refused here and now, for want of room; true promises nothing. */
  send(to: NodeId, message: M): boolean;
  /** To every node that listens, oneself included. */
  publish(message: M): void;
  /** All that is sent to this node or published. One listener per bus. It is never called from within `send` or `publish` of the same node, unless the engine says so. */
  listen(listener: (from: NodeId, message: M) => void): void;
  /** Leaves: nothing is delivered any more. */
  close(): void;
}
