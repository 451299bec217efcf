/** Which errors a method can answer with. */
import { ERRORS } from '../error-table.ts';
import type { ErrorCode } from '../errors.ts';
import { METHODS } from './methods.ts';
import type { Method, MethodName } from './methods.ts';

const ANY: readonly ErrorCode[] = ['invalid', 'tooLarge', 'rateLimited', 'overloaded', 'unavailable', 'internal'];
const ANY_SIGNED_IN: readonly ErrorCode[] = ['unauthenticated'];
const ANY_COMMAND: readonly ErrorCode[] = ['conflict', 'stale', 'gap', 'storageFull', 'unknown'];

/** All errors a method can answer with, its own first, in the order of {@link ERRORS}. */
export const errorsOf = (
  name: MethodName,
): { readonly own: readonly ErrorCode[]; readonly general: readonly ErrorCode[] } => {
  const method: Method = METHODS[name];
  const general = [
    ...ANY,
    ...(method.auth === 'device' ? ANY_SIGNED_IN : []),
    ...(method.kind === 'command' ? ANY_COMMAND : []),
  ];
  const inOrder = (codes: readonly ErrorCode[]): readonly ErrorCode[] =>
    (Object.keys(ERRORS) as ErrorCode[]).filter((code) => codes.includes(code));
  return { own: inOrder(method.errors), general: inOrder(general.filter((code) => !method.errors.includes(code))) };
};
