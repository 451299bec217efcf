/** What a gateway counts, for operators. */
import type { CloseReason } from '@duolog/protocol';
import type { Metrics } from '../../ports/metrics.ts';

/** Only ever counted up. */
export interface GatewayCounts {
  opened: number;
  signedIn: number;
  framesIn: number;
  beats: number;
  requests: number;
  refused: number;
  framesOut: number;
  entriesOut: number;
  entriesLeftOut: number;
  eventsLeftOut: number;
  resyncs: number;
}

export const newGatewayCounts = (): GatewayCounts => ({
  opened: 0,
  signedIn: 0,
  framesIn: 0,
  beats: 0,
  requests: 0,
  refused: 0,
  framesOut: 0,
  entriesOut: 0,
  entriesLeftOut: 0,
  eventsLeftOut: 0,
  resyncs: 0,
});

const HELP: { readonly [K in keyof GatewayCounts]: readonly [name: string, help: string] } = {
  opened: ['duolog_connections_opened_total', 'WebSocket connections accepted.'],
  signedIn: ['duolog_connections_signed_in_total', 'Connections that said hello and were let in.'],
  framesIn: ['duolog_frames_received_total', 'Frames received from clients, beats included.'],
  beats: ['duolog_beats_total', 'Heartbeats received.'],
  requests: ['duolog_requests_total', 'Requests received over WebSocket.'],
  refused: ['duolog_requests_refused_total', 'Requests over WebSocket that were answered with an error.'],
  framesOut: ['duolog_frames_sent_total', 'Text frames sent to clients.'],
  entriesOut: ['duolog_entries_delivered_total', 'Live entries sent to clients.'],
  entriesLeftOut: [
    'duolog_entries_left_out_total',
    'Live entries left out because the client reads slowly; it pulls them.',
  ],
  eventsLeftOut: ['duolog_events_left_out_total', 'Events left out because the client reads slowly.'],
  resyncs: [
    'duolog_link_resyncs_total',
    'Times a link to an owner had a gap or a new owner, and routes were announced again.',
  ],
};

/** Makes the counts readable, and counts closings by reason. */
export const exposeCounts = (
  metrics: Metrics,
  counts: GatewayCounts,
  connections: () => number,
): ((reason: CloseReason | 'client') => void) => {
  for (const [key, [name, help]] of Object.entries(HELP))
    metrics.counted({ name, help }, () => counts[key as keyof GatewayCounts]);
  metrics.gauge({ name: 'duolog_connections', help: 'WebSocket connections held.' }, connections);
  const closed = metrics.counters({ name: 'duolog_connections_closed_total', help: 'Connections closed, by reason.' }, [
    'reason',
  ]);
  return (reason) => closed(reason).add();
};
