/** A server with an empty store behind a proxy. */
export function startServer(): Promise<{
  readonly url: string;
  /** Drops every connection as a lost network does. */
  cut(): void;
  /** Ends it and leaves nothing behind. */
  stop(): Promise<void>;
}>;
