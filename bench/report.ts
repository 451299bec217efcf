/** The table a person reads, and the JSON. */
import { writeFileSync } from 'node:fs';
import type { Figures, Results } from './figures.ts';
import { rounded } from './figures.ts';

interface Column {
  readonly head: string;
  readonly cell: (figures: Figures, yardstick: Figures | undefined) => string;
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const few = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });

const number = (value: number): string => (value >= 1000 ? whole : few).format(value);

const column = (head: string, name: string, scale = 1): Column => ({
  head,
  cell: ({ values }) => {
    const value = values[name];
    return value === undefined ? '' : number(value / scale);
  },
});

const ofRelay: Column = {
  head: 'of relay',
  cell: ({ values }, yardstick) => {
    const [mine, its] = [values['deliveriesPerSecond'], yardstick?.values['deliveriesPerSecond']];
    return mine === undefined || its === undefined || its === 0 ? '' : (mine / its).toFixed(2);
  },
};

const columns: readonly Column[] = [
  column('messages/s', 'messagesPerSecond'),
  column('deliveries/s', 'deliveriesPerSecond'),
  ofRelay,
  column('reads/s', 'readsPerSecond'),
  column('connections', 'connections'),
  column('KiB/connection', 'kibPerConnection'),
  column('devices', 'devices'),
  column('whole after ms', 'wholeAfterMs'),
  column('p50 ms', 'p50Ms'),
  column('p99 ms', 'p99Ms'),
  column('stored p99 ms', 'ackP99Ms'),
  column('µs CPU/message', 'cpuUsPerMessage'),
  column('µs CPU/delivery', 'cpuUsPerDelivery'),
  column('µs CPU/read', 'cpuUsPerRead'),
  column('idle CPU %', 'idleCpuUsPerSecond', 10_000),
  column('of empty', 'rateOfEmpty'),
  column('MiB', 'rssBytes', 1024 * 1024),
  column('server core %', 'serverCores', 0.01),
  column('load core %', 'loadCores', 0.01),
  column('others %', 'otherCores', 0.01),
];

/** Systems side by side; only the columns in which somebody has a figure. */
export const tableOf = (bySystem: ReadonlyMap<string, Figures>): string => {
  const relay = bySystem.get('relay');
  const rows = [...bySystem].map(([system, figures]) => ({
    system: figures.faults.length > 0 ? `${system} (INVALID)` : system,
    cells: columns.map(({ cell }) => cell(figures, relay)),
  }));
  const shown = columns.map((_, index) => index).filter((index) => rows.some(({ cells }) => cells[index] !== ''));
  const lines = [
    ['', ...shown.map((index) => columns[index]?.head ?? '')],
    ...rows.map(({ system, cells }) => [system, ...shown.map((index) => cells[index] ?? '')]),
  ];
  const widths = lines[0]?.map((_, place) => Math.max(...lines.map((line) => line[place]?.length ?? 0))) ?? [];
  return lines
    .map((line) =>
      line
        .map((cell, place) => (place === 0 ? cell.padEnd(widths[place] ?? 0) : cell.padStart(widths[place] ?? 0)))
        .join('  '),
    )
    .join('\n');
};

export const writeJson = (file: string, results: Results, facts: Readonly<Record<string, unknown>>): void => {
  const scenarios = Object.fromEntries(
    [...results].map(([scenario, bySystem]) => [
      scenario,
      Object.fromEntries(
        [...bySystem].map(([system, { values, faults }]) => [
          system,
          {
            ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name, rounded(value)])),
            ...(faults.length > 0 ? { faults } : {}),
          },
        ]),
      ),
    ]),
  );
  writeFileSync(file, `${JSON.stringify({ ...facts, scenarios }, undefined, 2)}\n`);
};
