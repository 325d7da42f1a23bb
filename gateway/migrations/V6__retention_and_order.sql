-- What imports leave behind goes after a while; and deliveries in the order of their events.

-- `traces_kept` goes first, so that no undo begins upon half of a job's traces; `purged_at` comes when all are gone.
alter table imports add column traces_kept boolean not null default true;
alter table imports add column purged_at timestamptz;
create index imports_unpurged on imports (finished_at) where purged_at is null;

-- Events of one key reach an endpoint that asks for it one after another.
alter table webhooks add column ordering text not null default 'none';
alter table events add column ordering_key text;
create index events_ordering on events (workspace_id, ordering_key, id) where ordering_key is not null;

-- A delivery that has an `order_key` waits (`due_at` null) until it is the first of its endpoint and key. The one that
-- has its turn is leased or waits for its retry, so its `due_at` is set: there is never more than one of a key.
alter table scheduled_deliveries add column order_key text;
drop index scheduled_deliveries_waiting;
create index scheduled_deliveries_waiting on scheduled_deliveries (webhook_id, delivery_id)
    where due_at is null and order_key is null;
create index scheduled_deliveries_in_line on scheduled_deliveries (webhook_id, order_key, event_id)
    where due_at is null and order_key is not null;
create index scheduled_deliveries_in_turn on scheduled_deliveries (webhook_id, order_key)
    where due_at is not null and order_key is not null;
