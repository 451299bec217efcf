import type * as sdk from '@duolog/sdk';

export interface Run {
  readonly sdk: typeof sdk;
  readonly options: Pick<sdk.ClientOptions, 'url' | 'webSocket'>;
  cut(): void | Promise<void>;
  cacheOf(name: string): sdk.Cache;
  /** Tells the accounts of this run apart. */
  readonly name: string;
}

export function talk(run: Run): Promise<object>;
export function comeBack(run: Omit<Run, 'cut'>): Promise<object>;
export const expectedTalk: object;
export const expectedComeBack: object;
