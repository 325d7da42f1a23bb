// Keys at rate: valid ones beside a flood of wrong ones, which must not slow them down.

import http from 'k6/http';
import { check } from 'k6';
import { arrivals, by, expect, headers, url } from './gateway.js';

export const options = {
  scenarios: {
    valid: arrivals('valid', 1000, '20s'),
    wrong: arrivals('wrong', 200, '20s'),
  },
  thresholds: {
    checks: ['rate==1'],
    'http_req_duration{scenario:valid}': ['p(50)<5', 'p(99)<50'],
    dropped_iterations: ['count<100'],
  },
};

export function valid() {
  expect(http.get(`${url}/v1/whoami`, { headers }), 200, 'a valid key is known');
}

export function wrong() {
  const key = `sk_${Math.random().toString(16).slice(2, 10).padEnd(8, '0').repeat(8)}`;
  const reply = http.get(`${url}/v1/whoami`, { headers: by(key) });
  // 429 once there were too many from this address.
  check(reply, { 'a wrong key is refused': (got) => got.status === 401 || got.status === 429 });
}
