// The gateway under test, as all scenarios see it.
//
//   URL        its API                         (http://127.0.0.1:8080)
//   KEY        a key with every scope          (needed)
//   RECEIVER   where deliveries go: any address that answers a POST with 2xx
//   DURATION   of each part                    (20s; 10m in soak.js)
//   FACTOR     multiplies every rate           (1)

import http from 'k6/http';
import { check, fail, sleep } from 'k6';

export const url = __ENV.URL || 'http://127.0.0.1:8080';
export const receiver = __ENV.RECEIVER;
const factor = Number(__ENV.FACTOR || 1);

if (!__ENV.KEY) {
  fail('KEY is missing: k6 run -e KEY=sk_... ' + 'loadtest/events.js');
}

/** Headers of a call by `key`. */
export function by(key, headers = {}) {
  return { Authorization: `Bearer ${key}`, ...headers };
}

export const headers = by(__ENV.KEY);
export const json = by(__ENV.KEY, { 'Content-Type': 'application/json' });

/** Calls at a constant rate, whatever the replies: waiting for a slow reply would hide that it is slow. */
export function arrivals(exec, perSecond, duration, more = {}) {
  const rate = Math.max(1, Math.round(perSecond * factor));
  return {
    executor: 'constant-arrival-rate',
    exec,
    rate,
    timeUnit: '1s',
    duration: __ENV.DURATION || duration,
    preAllocatedVUs: Math.min(200, Math.max(10, Math.ceil(rate / 20))),
    maxVUs: 400,
    ...more,
  };
}

/** An event as products send them: about 400 bytes of data. */
export function event(more = {}) {
  return JSON.stringify({
    type: 'deal.won',
    data: { deal: 'Renewal', amount: 1200.5, run: __ITER, note: 'n'.repeat(330) },
    ...more,
  });
}

/** The reply's body, if its status is as wanted; a wrong one counts as a failed check. */
export function expect(reply, status, what) {
  const isRight = check(reply, { [what]: (got) => got.status === status });
  return isRight && reply.body ? reply.json() : null;
}

/** Makes an endpoint at the receiver and gives its id. */
export function hook(name) {
  if (!receiver) {
    fail('RECEIVER is missing: an address that answers a POST with 2xx');
  }
  const body = JSON.stringify({ name, url: receiver, events: ['deal.won'] });
  const made = http.post(`${url}/v1/webhooks`, body, { headers: json });
  if (made.status !== 201) {
    fail(`no endpoint: ${made.status} ${made.body}`);
  }
  return made.json('id');
}

/** Waits until nothing of an endpoint is pending; whether all of it arrived. */
export function drained(webhook, seconds) {
  const count = (status) => {
    const path = `/v1/webhooks/${webhook}/deliveries?status=${status}&limit=1`;
    return http.get(url + path, { headers }).json('data').length;
  };
  for (let second = 0; second < seconds && count('pending') > 0; second += 1) {
    sleep(1);
  }
  return count('pending') === 0 && count('failed') === 0;
}

/** Removes an endpoint. */
export function unhook(webhook) {
  http.del(`${url}/v1/webhooks/${webhook}`, null, { headers });
}

/** A CSV of contacts whose addresses begin with `stem`. */
export function contacts(stem, rowCount) {
  const lines = ['First Name,Last Name,Email,Company'];
  for (let row = 0; row < rowCount; row += 1) {
    lines.push(`Ada,Number ${row},${stem}-${row}@example.com,Analytical Engines`);
  }
  return lines.join('\n');
}
