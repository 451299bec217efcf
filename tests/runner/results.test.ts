import { expect, test } from 'bun:test';
import { readJson, readJunit, summaryOf } from '../results.ts';

test('the XML of bun test is read with its failures, skips and nested groups', () => {
  const xml = `<testsuites name="bun test" tests="4" failures="2" skipped="1">
    <testsuite name="a.test.ts"><testsuite name="group">
      <testcase name="passes [A1]" classname="group" time="0.1" />
      <testcase name="says &quot;a &gt; b&quot; &#10;" classname="group" time="0.1">
        <failure type="AssertionError" message="expected &lt;1&gt;">Error: expected</failure>
      </testcase>
      <testcase name="times out" time="0.1"><failure type="TimeoutError" message="test timed out" /></testcase>
      <testcase name="later" time="0"><skipped /></testcase>
    </testsuite></testsuite>
  </testsuites>`;
  expect(readJunit(xml)).toEqual({
    passed: 1,
    failed: [
      { name: 'says "a > b" \n', detail: 'expected <1>' },
      { name: 'times out', detail: 'test timed out' },
    ],
    skipped: [{ name: 'later', detail: '' }],
  });
});

test('the XML of node --test is read, and a file without a test counts as failed', () => {
  const xml = `<testsuites>
    <testcase name="passes" time="0.1" classname="test"/>
    <testcase name="a > b" time="0.1" classname="test" failure="1 == 2">
      <failure type="testCodeFailure" message="1 == 2">Error</failure>
    </testcase>
    <testcase name="skip" classname="test"><skipped type="skipped" message="no browser"/></testcase>
    <testcase name="/somewhere/empty.test.mjs" time="0.1" classname="test"/>
  </testsuites>`;
  expect(readJunit(xml)).toEqual({
    passed: 1,
    failed: [
      { name: 'a > b', detail: '1 == 2' },
      { name: '/somewhere/empty.test.mjs', detail: 'this file has no test' },
    ],
    skipped: [{ name: 'skip', detail: 'no browser' }],
  });
});

test('the JSON of a script is read, and one of another shape is refused', () => {
  const note = { name: 'kill 3', detail: 'a message is lost' };
  expect(readJson(JSON.stringify({ passed: 2, failed: [note], skipped: [] }))).toEqual({
    passed: 2,
    failed: [note],
    skipped: [],
  });
  expect(readJson('{"passed":1}')).toEqual({ passed: 1, failed: [], skipped: [] });
  for (const wrong of [
    '[]',
    '{}',
    '{"passed":"1"}',
    '{"passed":1,"failed":["x"]}',
    '{"passed":1,"skipped":3}',
    'null',
  ]) {
    expect(() => readJson(wrong), wrong).toThrow(TypeError);
  }
});

test('the last line has what passed and what failed, whatever was skipped; that is told before', () => {
  expect(summaryOf(3, 1, [])).toEqual(['3 passed, 1 failed']);
  const skipped = [
    { name: 'sdk-browser', detail: 'needs Chromium' },
    { name: 'faults', detail: 'needs a C compiler' },
  ];
  expect(summaryOf(3, 0, skipped)).toEqual([
    'skipped: sdk-browser: needs Chromium',
    'skipped: faults: needs a C compiler',
    '2 skipped',
    '3 passed, 0 failed',
  ]);
});
