-- Which instances are alive and how far their memory is, and what the audit trail is searched by.

-- One row for each instance, kept by its heartbeat. `seen` is the snapshot that its memory agrees with: a change is
-- confirmed there once its transaction is visible in it. An instance that has not been heard of by `live_until` refuses
-- every key by itself, so it needs no confirming.
create table instances (
    id uuid primary key,
    name text not null,
    version text not null,
    started_at timestamptz not null,
    heartbeat_at timestamptz not null default now(),
    live_until timestamptz not null,
    seen pg_snapshot not null
) with (fillfactor = 50);

-- Each filter of the trail has an index in the order of the list, so that a rare value is found without reading the rest.
create index audit_by_action on audit (workspace_id, action, id);
create index audit_by_key on audit (workspace_id, key_id, id) where key_id is not null;
create index audit_by_key_name on audit (workspace_id, key_name, id) where key_name is not null;
create index audit_by_operator on audit (workspace_id, operator, id) where operator is not null;
create index audit_by_target on audit (workspace_id, target_id, id);
create index audit_by_target_type on audit (workspace_id, target_type, id);

-- What deleted keys were, for a day: by its digest an instance finds a key in memory that it knows by its id alone.
create table deleted_api_keys (
    id uuid primary key,
    digest bytea not null,
    deleted_at timestamptz not null default now()
);
create index deleted_api_keys_age on deleted_api_keys (deleted_at);
