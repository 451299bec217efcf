import { DuologError } from '@duolog/protocol';
import type { CommandName, Limits, Params } from '@duolog/protocol';

/**
 * Why a command is refused before it is sent, if so: a text that is too long makes a frame that may be too large, and
 * that would end the connection, again and again.
 */
export const refusalOf = (
  method: CommandName,
  params: object,
  { maxTextLength }: Pick<Limits, 'maxTextLength'>,
): DuologError | undefined => {
  if (method !== 'message.send') return undefined;
  const { text } = params as Params<'message.send'>;
  if (text.length === 0) return new DuologError('invalid', 'The text is empty.', { field: 'params.text' });
  // A code point takes one or two units, so only what lies in between has to be counted.
  if (text.length <= maxTextLength || (text.length <= 2 * maxTextLength && [...text].length <= maxTextLength))
    return undefined;
  const detail = `The text has more than ${maxTextLength} code points.`;
  return new DuologError('invalid', detail, { field: 'params.text', limit: 'maxTextLength', max: maxTextLength });
};
