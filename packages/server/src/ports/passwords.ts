/** Password hashes, computed off the message thread. */
export interface Passwords {
  /** A salted hash in its standard text form (`$argon2id$…`). Rejects with `overloaded` when too many wait. */
  hash(password: string): Promise<string>;
  /** Whether the password fits the hash. With no hash it takes as long as with one and answers false. Rejects with `overloaded`. */
  verify(password: string, hash: string | undefined): Promise<boolean>;
}
