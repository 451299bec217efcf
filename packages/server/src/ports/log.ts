/** Facts of a log line beside its message. Values are plain; secrets never go in. */
export type LogFields = { readonly [name: string]: string | number | boolean | undefined };

/** Lines for operators. Messages are constant sentences; what varies is a field. */
export interface Log {
  /** For developers; off by default. */
  debug(message: string, fields?: LogFields): void;
  /** What an operator may want to know. */
  info(message: string, fields?: LogFields): void;
  /** Something is not as it should be; the service goes on. */
  warn(message: string, fields?: LogFields): void;
  /** Something failed that needs an operator or a programmer. `cause` is written with its stack. */
  error(message: string, fields?: LogFields, cause?: unknown): void;
}
