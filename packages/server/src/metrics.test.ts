import { expect, test } from 'bun:test';
import { createMetrics } from './metrics.ts';

test('counters, gauges and histograms are written as Prometheus reads them [OPS9]', () => {
  const metrics = createMetrics();
  const turns = metrics.counter({ name: 'turns_total', help: 'Turns.\nMany.' });
  const requests = metrics.counters({ name: 'requests_total', help: 'Requests.' }, ['route', 'status']);
  let load = 1;
  metrics.gauge({ name: 'load', help: 'Load.' }, () => load);
  metrics.counted({ name: 'rows_total', help: 'Rows.' }, () => 7);
  const seconds = metrics.histogram({ name: 'seconds', help: 'Time.' }, [0.1, 1]);
  turns.add();
  turns.add(2);
  requests('a"\\\n', '200').add();
  requests('a"\\\n', '200').add();
  requests('b', '500').add();
  load = 2.5;
  for (const value of [0.05, 0.1, 0.5, 5]) seconds.observe(value);
  expect(metrics.text()).toBe(
    [
      '# HELP turns_total Turns.\\nMany.',
      '# TYPE turns_total counter',
      'turns_total 3',
      '# HELP requests_total Requests.',
      '# TYPE requests_total counter',
      'requests_total{route="a\\"\\\\\\n",status="200"} 2',
      'requests_total{route="b",status="500"} 1',
      '# HELP load Load.',
      '# TYPE load gauge',
      'load 2.5',
      '# HELP rows_total Rows.',
      '# TYPE rows_total counter',
      'rows_total 7',
      '# HELP seconds Time.',
      '# TYPE seconds histogram',
      'seconds_bucket{le="0.1"} 2',
      'seconds_bucket{le="1"} 3',
      'seconds_bucket{le="+Inf"} 4',
      'seconds_sum 5.65',
      'seconds_count 4',
      '',
    ].join('\n'),
  );
});

test('two metrics of one name are a fault [OPS9]', () => {
  const metrics = createMetrics();
  metrics.counter({ name: 'turns_total', help: '' });
  expect(() => metrics.gauge({ name: 'turns_total', help: '' }, () => 0)).toThrow('turns_total');
});
