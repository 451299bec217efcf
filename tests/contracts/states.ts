/** States of engines that contracts speak of, and engines that never are in them. */

/** The engine never is in this state; why. A suite then tests that it never is. */
export interface Never {
  readonly never: string;
}

export const isNever = (state: number | object): state is Never => typeof state === 'object' && 'never' in state;
