/** What a process tells its operator of itself: metrics, alarms, and the one that ends it. */
import { createMetrics } from '../metrics.ts';
import type { MetricsRegistry } from '../metrics.ts';
import type { Log } from '../ports/log.ts';
import type { Alarms } from './embedded.ts';

export interface Watch extends Alarms {
  readonly metrics: MetricsRegistry;
  /** Resolves once something fatal happened. */
  readonly failed: Promise<void>;
}

export const createWatch = (log: Log): Watch => {
  const metrics = createMetrics();
  const alarms = metrics.counter({
    name: 'duolog_alarms_total',
    help: 'Things an operator has to know; the log says what.',
  });
  const failure = Promise.withResolvers<void>();
  const alarm = (message: string, cause?: unknown): void => {
    alarms.add();
    log.error(message, {}, cause);
  };
  const fatal = (message: string, cause?: unknown): void => {
    alarm(`${message}; the process ends`, cause);
    failure.resolve();
  };
  return { metrics, alarm, fatal, failed: failure.promise };
};
