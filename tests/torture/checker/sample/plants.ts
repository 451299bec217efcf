/** All planted bad histories. */
import type { Plant } from './plant.ts';
import { MESSAGE_PLANTS, ORDER_PLANTS } from './plants-log.ts';
import { EMPTY_PLANTS, ENTRY_PLANTS, PRESENCE_PLANTS, READ_PLANTS, REST_PLANTS } from './plants-sight.ts';

export const PLANTS: readonly Plant[] = [
  ...MESSAGE_PLANTS,
  ...ORDER_PLANTS,
  ...ENTRY_PLANTS,
  ...READ_PLANTS,
  ...REST_PLANTS,
  ...PRESENCE_PLANTS,
  ...EMPTY_PLANTS,
];
