// Everything at once and for long, at rates that leave the machine half idle: what grows without a bound shows here.
// With OPERATIONS (the operations address) the gateway's memory is read in the end, and must be below MAX_MB (256).

import http from 'k6/http';
import { check } from 'k6';
import { arrivals, by, contacts, drained, event, expect, headers, hook, json, unhook, url } from './gateway.js';

const maxMegabytes = Number(__ENV.MAX_MB || 256);

export const options = {
  scenarios: {
    keys: arrivals('key', 100, '10m'),
    posts: arrivals('post', 200, '10m'),
    reads: arrivals('read', 10, '10m'),
    files: arrivals('file', 0.2, '10m'),
    changes: arrivals('change', 2, '10m'),
  },
  teardownTimeout: '120s',
  thresholds: {
    checks: ['rate==1'],
    'http_req_duration{scenario:keys}': ['p(99)<100'],
    'http_req_duration{scenario:posts}': ['p(99)<250'],
    dropped_iterations: ['count<100'],
  },
};

export function setup() {
  return { webhook: hook('load: soak') };
}

export function key() {
  expect(http.get(`${url}/v1/whoami`, { headers }), 200, 'a valid key is known');
}

export function post() {
  expect(http.post(`${url}/v1/events`, event(), { headers: json }), 202, 'an event is accepted');
}

export function read({ webhook }) {
  const deliveries = http.get(`${url}/v1/webhooks/${webhook}/deliveries`, { headers });
  expect(deliveries, 200, 'the delivery log is read');
  expect(http.get(`${url}/v1/events?type=deal.won`, { headers }), 200, 'events are read');
}

export function file() {
  const body = contacts(`soak-${__VU}-${__ITER}-${Date.now()}`, 2000);
  const csv = by(__ENV.KEY, { 'Content-Type': 'text/csv' });
  const job = expect(http.post(`${url}/v1/imports?object=CONTACT`, body, { headers: csv }), 201, 'a file is imported');
  check(job, { 'without a fault': (got) => got && got.status === 'completed' && got.rows_failed === 0 });
}

/** A key is made, used, revoked, and then refused. */
export function change() {
  const body = JSON.stringify({ name: 'load: soak', scopes: ['keys:read'] });
  const made = expect(http.post(`${url}/v1/api-keys`, body, { headers: json }), 201, 'a key is made');
  if (!made) {
    return;
  }
  const use = () => http.get(`${url}/v1/whoami`, { headers: by(made.key) });
  expect(use(), 200, 'it works');
  expect(http.post(`${url}/v1/api-keys/${made.id}/revoke`, null, { headers: json }), 200, 'it is revoked');
  expect(use(), 401, 'it works no more');
  http.del(`${url}/v1/api-keys/${made.id}`, null, { headers });
}

export function teardown({ webhook }) {
  check(drained(webhook, 60), { 'everything is delivered': (isDrained) => isDrained });
  unhook(webhook);
  if (__ENV.OPERATIONS) {
    const metrics = http.get(`${__ENV.OPERATIONS}/metrics`).body;
    const bytes = Number(/^process_resident_memory_bytes ([0-9.e+]+)/m.exec(metrics)[1]);
    console.log(`memory in the end: ${Math.round(bytes / 1e6)} MB`);
    check(bytes, { [`memory is below ${maxMegabytes} MB`]: (got) => got < maxMegabytes * 1e6 });
  }
}
