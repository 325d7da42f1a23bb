// A week of deliveries for the pictures, written into the counts that the gateway keeps: its charts show what nobody waits for.

import { execFileSync } from "node:child_process";
import { call } from "./gateway.js";

// How many deliveries an endpoint gets in five minutes, how many of a hundred fail, and in how many of the last hours most do.
const ENDPOINTS = {
  Billing: { rate: 9, failedPercent: 0.6, brokenHours: 0 },
  Warehouse: { rate: 14, failedPercent: 1.5, brokenHours: 3 },
  "Analytics pipeline": { rate: 40, failedPercent: 0.2, brokenHours: 0 },
  "Chat alerts": { rate: 3, failedPercent: 4, brokenHours: 0 },
};
const INSTANCE = "00000000-0000-4000-8000-000000000001";

// More by day than by night, never quite even; without chance, so that pictures do not change by themselves.
const statement = (id, { rate, failedPercent, brokenHours }) => `
  with bucket as (
    select span, at, (now - at) / 3600.0 as hours_ago,
        greatest(0, round(span / 300 * ${rate} * (0.75 + 0.5 * sin((at % 86400) / 86400.0 * 2 * pi() - 2) + (hashint8(at + ${rate}) % 97) / 400.0)))::bigint as total
    from (select extract(epoch from clock_timestamp())::bigint as now) t, unnest(array[300, 3600]) as span,
        generate_series(now / span * span - case span when 300 then 86400 else 604800 end, now / span * span, span) as at
  ), counted as (
    select *, least(total, round(total * case when hours_ago < ${brokenHours} then 0.7
        when hashint8(at) % 5 = 0 then ${failedPercent} / 20.0 else 0 end))::bigint as failed from bucket
  )
  insert into delivery_stats (destination_id, span_seconds, at_seconds, instance, succeeded, failed, retried, last_success_at, times, causes)
  select '${id}', span, at, '${INSTANCE}', total - failed, failed, failed / 2, case when total > failed then to_timestamp(at) end,
      jsonb_build_object('66', total / 2, '72', total - total / 2),
      case when failed > 0 then jsonb_build_object('http_503', failed) else '{}' end
  from counted where total > 0;`;

export async function seedHistory() {
  const { data } = await call("GET", "/v1/webhooks");
  const statements = data.filter(({ name }) => ENDPOINTS[name]).map(({ id, name }) => statement(id.slice("wh_".length), ENDPOINTS[name]));
  const connection = ["--host=127.0.0.1", `--port=${process.env.GATEWAY_POSTGRES_PORT}`, "--username=postgres", "--dbname=postgres"];
  execFileSync("psql", [...connection, "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command", statements.join("\n")], { stdio: "inherit" });
}
