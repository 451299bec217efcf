/** What operators can read of a node. */
import type { MetricsRegistry } from '../metrics.ts';
import type { Node } from '../pump/node.ts';

export interface Measured {
  readonly version: string;
  readonly node: Node;
  readonly ready: () => boolean;
}

/** Adds the metrics of the pump and of the process. */
export const measure = (metrics: MetricsRegistry, { version, node, ready }: Measured): void => {
  const { counters } = node;
  metrics
    .counters({ name: 'duolog_build_info', help: 'Always 1; its label is the version.' }, ['version'])(version)
    .add();
  metrics.gauge({ name: 'duolog_ready', help: '1 while new work is welcome.' }, () => (ready() ? 1 : 0));
  metrics.gauge(
    { name: 'duolog_requests_waiting', help: 'Requests at this edge that are not answered yet.' },
    () => node.edge.waiting,
  );
  metrics.gauge({ name: 'duolog_requests_queued', help: 'Requests queued at the owners of this node.' }, () =>
    node.queued(),
  );
  metrics.counted({ name: 'duolog_commands_total', help: 'Commands decided.' }, () => counters.commands);
  metrics.counted(
    { name: 'duolog_commands_refused_total', help: 'Commands refused by their decision.' },
    () => counters.refused,
  );
  metrics.counted(
    { name: 'duolog_commands_overloaded_total', help: 'Commands refused because too many were queued.' },
    () => counters.overloaded,
  );
  metrics.counted({ name: 'duolog_turns_total', help: 'Batches committed.' }, () => counters.turns);
  metrics.counted({ name: 'duolog_rows_total', help: 'Rows committed.' }, () => counters.rows);
  metrics.counted({ name: 'duolog_entries_total', help: 'Entries of user logs committed.' }, () => counters.entries);
  metrics.counted(
    { name: 'duolog_commit_seconds_total', help: 'Time spent waiting for commits.' },
    () => counters.commitMs / 1_000,
  );
  metrics.gauge({ name: 'process_resident_memory_bytes', help: 'Memory in use.' }, () => process.memoryUsage.rss());
  metrics.counted({ name: 'process_cpu_seconds_total', help: 'CPU time used.' }, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000_000;
  });
  metrics.gauge(
    { name: 'process_start_time_seconds', help: 'When the process began, seconds since 1970.' },
    () => Math.round(performance.timeOrigin) / 1_000,
  );
};
