// Files while events come in: imports must not make single posts slow. ROWS (20000) is the length of each file; each is
// imported twice, first new and then unchanged.

import http from 'k6/http';
import { check } from 'k6';
import { Trend } from 'k6/metrics';
import { arrivals, by, contacts, event, expect, json, url } from './gateway.js';

const rowCount = Number(__ENV.ROWS || 20000);
const rowsPerSecond = new Trend('imported_rows_per_second');

export const options = {
  scenarios: {
    files: { executor: 'constant-vus', exec: 'file', vus: 2, duration: __ENV.DURATION || '20s' },
    posts: arrivals('post', 100, '20s'),
  },
  thresholds: {
    checks: ['rate==1'],
    imported_rows_per_second: ['med>5000'],
    'http_req_duration{scenario:posts}': ['p(95)<250'],
    dropped_iterations: ['count<50'],
  },
};

export function file() {
  const body = contacts(`load-${__VU}-${__ITER}-${Date.now()}`, rowCount);
  upload(body, (job) => job.rows_created === rowCount, 'every row is new');
  upload(body, (job) => job.rows_created === 0 && job.rows_failed === 0, 'no row is new');
}

function upload(body, isRight, what) {
  const headers = by(__ENV.KEY, { 'Content-Type': 'text/csv' });
  const started = Date.now();
  const reply = http.post(`${url}/v1/imports?object=CONTACT`, body, { headers, timeout: '120s' });
  const job = expect(reply, 201, 'a file is imported');
  check(job, { [what]: (got) => got && got.status === 'completed' && isRight(got) });
  rowsPerSecond.add((rowCount * 1000) / (Date.now() - started));
}

export function post() {
  expect(http.post(`${url}/v1/events`, event(), { headers: json }), 202, 'an event is accepted');
}
