import { expect, test } from 'bun:test';
import type { WireError } from '@duolog/protocol';
import { systemClock } from '../../engines/clock-system.ts';
import { createLog } from '../../log.ts';
import { METRICS_CONTENT_TYPE, createMetrics } from '../../metrics.ts';
import type { Dispatch } from '../dispatch.ts';
import { createApi } from './handler.ts';
import type { Api } from './handler.ts';
import { USER_CALL_LIMITS } from './user-calls.ts';

const lines: string[] = [];

const apiWith = (dispatch: Dispatch, unready: readonly string[] = []): Api => {
  const metrics = createMetrics();
  return createApi({
    version: '0',
    clock: systemClock,
    log: createLog({ level: 'info', format: 'json', write: (line) => lines.push(line), now: () => 0 }),
    metrics,
    metricsText: () => ({ text: metrics.text(), contentType: METRICS_CONTENT_TYPE }),
    metricsFor: 'local',
    dispatch,
    readToken: () => ({ user: 'u0000000000000000', device: 'd' }),
    isSignedIn: () => Promise.reject(new Error('the store broke')),
    userCalls: { ...USER_CALL_LIMITS, callsPerSecond: 200 },
    unready: () => unready,
    rates: { signUpsPerHour: 10, logInsPerMinute: 10, logInsPerHandlePerMinute: 10 },
    answersCalls: true,
    origins: [],
    proxies: [],
    url: undefined,
  });
};

const post = (api: Api, method: string, headers = {}): Promise<Response> =>
  api.handle(new Request(`http://x/v1/${method}`, { method: 'POST', body: '{"secret":"s3"}', headers }), '127.0.0.1');

const noDispatch: Dispatch = () => undefined;

test.each<[string, Dispatch, string, Record<string, string>]>([
  ['a dispatch that rejects', () => Promise.reject(new Error('it broke')), 'account.signUp', {}],
  [
    'a dispatch that throws',
    () => {
      throw new Error('it broke');
    },
    'account.signUp',
    {},
  ],
  ['a look-up that rejects', noDispatch, 'account.get', { authorization: 'Bearer a.b.c' }],
])(
  '%s is answered with internal and an incident that is in the log [OPS10] [API2]',
  async (_what, dispatch, method, headers) => {
    lines.length = 0;
    const response = await post(apiWith(dispatch), method, headers);
    const { error } = (await response.json()) as { error: WireError };
    expect([response.status, error.code, error.retry]).toEqual([500, 'internal', 'later']);
    expect(error.detail).not.toContain('broke');
    expect(response.headers.get('retry-after')).toBe('1');
    const [line] = lines;
    expect(JSON.parse(line ?? '')).toMatchObject({
      level: 'error',
      what: method,
      incident: error.incident ?? 'none',
      cause: expect.stringContaining('broke'),
    });
    expect(line).not.toContain('s3');
  },
);

test('readiness is refused with its reasons [OPS8]', async () => {
  const response = await apiWith(noDispatch, ['draining']).handle(new Request('http://x/ready'), '127.0.0.1');
  expect([response.status, await response.json()]).toEqual([503, { ready: false, reasons: ['draining'] }]);
});
