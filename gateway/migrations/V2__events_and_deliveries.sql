-- The outbox that is also the queue, and the log of deliveries. Both are partitioned by the time in their ids.

-- One row for each life of an instance. Its session holds an advisory lock on the id for as long as it lives;
-- `watermark` is the first event that may still have work left, so a successor knows where to begin.
create table bus_owners (
    id integer generated always as identity primary key,
    instance text not null,
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    watermark uuid not null,
    taken_by integer
) with (fillfactor = 50);

create table events (
    id uuid not null,
    workspace_id integer not null,
    type text not null,
    owner integer not null,
    client_id text,
    occurred_at timestamptz,
    -- As sent, to the byte: jsonb would reorder keys and rewrite numbers.
    data text not null,
    primary key (id)
) partition by range (id);
create index events_listing on events (workspace_id, type, id);
create table events_rest partition of events default;

-- Ids that clients gave (or what follows from an Idempotency-Key), so that a repeat finds the first.
create table event_once_keys (
    workspace_id integer not null,
    once_key text not null,
    event_id uuid not null,
    primary key (workspace_id, once_key)
);
create index event_once_keys_age on event_once_keys using brin (event_id);

create table webhooks (
    id uuid primary key,
    workspace_id integer not null references workspaces,
    name text not null,
    url text not null,
    events text[] not null,
    description text,
    -- Names and values that may be credentials: sealed, like the secrets.
    headers bytea,
    max_attempts smallint,
    timeout_seconds smallint,
    rate_limit_per_second integer,
    enabled boolean not null default true,
    disabled_reason text,
    health text not null default 'healthy',
    secret bytea not null,
    previous_secret bytea,
    previous_secret_until timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index webhooks_listing on webhooks (workspace_id, id);

-- A first delivery's id begins with the 64 bits of its event's id, so that the primary key finds an event's
-- deliveries without an index of its own.
create table deliveries (
    id uuid not null,
    workspace_id integer not null,
    webhook_id uuid not null,
    event_id uuid not null,
    type text not null,
    -- 0 pending, 1 succeeded, 2 failed
    status smallint not null,
    attempt_count smallint not null,
    redelivery_of uuid,
    -- The body of a test, which is no event of the workspace.
    test_body text,
    -- One JSON object a line.
    attempts text not null,
    primary key (id)
) partition by range (id);
create index deliveries_listing on deliveries (webhook_id, id);
create index deliveries_pending on deliveries (webhook_id, id) where status = 0;
create index deliveries_failed on deliveries (webhook_id, id) where status = 2;
create index deliveries_again on deliveries (event_id) where redelivery_of is not null;
create table deliveries_rest partition of deliveries default;

-- What is to be attempted later. `due_at` null: it waits for its endpoint, which is full, paused or disabled.
-- Who leases a row moves `due_at` to the end of the lease and counts `fence` up: whoever holds an older fence
-- has lost the row, and a lease that runs out is simply due again.
create table scheduled_deliveries (
    delivery_id uuid primary key,
    workspace_id integer not null,
    webhook_id uuid not null,
    event_id uuid not null,
    type text not null,
    attempt_count smallint not null,
    due_at timestamptz,
    owner integer,
    fence integer not null default 0
);
create index scheduled_deliveries_due on scheduled_deliveries (due_at) where due_at is not null;
create index scheduled_deliveries_waiting on scheduled_deliveries (webhook_id, delivery_id) where due_at is null;
create index scheduled_deliveries_endpoint on scheduled_deliveries (webhook_id);
