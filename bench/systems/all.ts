import type { System } from '../system.ts';
import { duolog } from './duolog.ts';
import { echo } from './echo.ts';
import { ejabberd } from './ejabberd.ts';
import { relay } from './relay.ts';

export const systems: readonly System[] = [duolog, relay, ejabberd, echo];

export const systemNamed = (name: string): System => {
  const found = systems.find((system) => system.name === name);
  if (found === undefined)
    throw new Error(`no system '${name}'; there are ${systems.map((system) => system.name).join(', ')}`);
  return found;
};

export const systemNames = systems.map((system) => system.name);
