// Events accepted: one by one, repeated under the same id, and in batches of 500 lines.

import http from 'k6/http';
import { check } from 'k6';
import { arrivals, by, event, expect, json, url } from './gateway.js';

export const options = {
  scenarios: {
    single: arrivals('single', 500, '20s'),
    repeated: arrivals('repeated', 20, '20s'),
    batch: arrivals('batch', 2, '20s'),
  },
  thresholds: {
    checks: ['rate==1'],
    'http_req_duration{scenario:single}': ['p(50)<10', 'p(99)<100'],
    'http_req_duration{scenario:batch}': ['p(95)<1000'],
    dropped_iterations: ['count<50'],
  },
};

export function single() {
  expect(http.post(`${url}/v1/events`, event(), { headers: json }), 202, 'an event is accepted');
}

export function repeated() {
  const body = event({ id: `load-${__VU}-${__ITER}-${Date.now()}` });
  const first = expect(http.post(`${url}/v1/events`, body, { headers: json }), 202, 'an id is accepted');
  const again = expect(http.post(`${url}/v1/events`, body, { headers: json }), 202, 'a repeat is accepted');
  check(again, { 'a repeat is answered alike': (got) => got && first && got.accepted_at === first.accepted_at });
}

export function batch() {
  const body = Array.from({ length: 500 }, () => event()).join('\n');
  const headers = by(__ENV.KEY, { 'Content-Type': 'application/x-ndjson' });
  const reply = expect(http.post(`${url}/v1/events/batch`, body, { headers }), 202, 'a batch is accepted');
  check(reply, { 'with every line': (got) => got && got.accepted === 500 });
}
