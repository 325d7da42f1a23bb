// Events from their post to their receiver. Every twentieth is looked at until it has arrived, as a reader of the log
// would: its time is from the acceptance to the end of the first attempt, by the gateway's own log.

import http from 'k6/http';
import { check, sleep } from 'k6';
import { Trend } from 'k6/metrics';
import { arrivals, drained, event, expect, headers, hook, json, unhook, url } from './gateway.js';

const attempted = new Trend('accept_to_attempt', true);

export const options = {
  scenarios: {
    posts: arrivals('post', 400, '20s'),
    watched: arrivals('watch', 20, '20s'),
  },
  teardownTimeout: '90s',
  thresholds: {
    checks: ['rate==1'],
    accept_to_attempt: ['p(50)<20', 'p(99)<250'],
    dropped_iterations: ['count<50'],
  },
};

export function setup() {
  return { webhook: hook('load: delivery') };
}

export function post() {
  expect(http.post(`${url}/v1/events`, event(), { headers: json }), 202, 'an event is accepted');
}

export function watch({ webhook }) {
  const accepted = expect(http.post(`${url}/v1/events`, event(), { headers: json }), 202, 'an event is accepted');
  const delivery = accepted && arrived(accepted.id, webhook);
  if (!check(delivery, { 'it is delivered': (got) => got && got.status === 'succeeded' })) {
    return;
  }
  const shown = http.get(`${url}/v1/deliveries/${delivery.id}`, { headers }).json();
  const first = shown.attempts[0];
  attempted.add(Date.parse(first.at) - Date.parse(accepted.accepted_at) + first.total_ms);
}

/** The event's delivery once it is not pending any more; `null` after 10 s. */
function arrived(id, webhook) {
  for (let look = 0; look < 100; look += 1) {
    const shown = http.get(`${url}/v1/events/${id}`, { headers });
    const delivery = shown.status === 200 && shown.json('deliveries').find((one) => one.webhook_id === webhook);
    if (delivery && delivery.status !== 'pending') {
      return delivery;
    }
    sleep(0.1);
  }
  return null;
}

export function teardown({ webhook }) {
  check(drained(webhook, 60), { 'everything is delivered': (isDrained) => isDrained });
  unhook(webhook);
}
