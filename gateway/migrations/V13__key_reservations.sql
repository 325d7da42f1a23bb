-- Keys of requests that run longer than a transaction, such as uploads. The instance's row in `instances` says whether the
-- request can still be running; `import_id` is the job that it has made.
create table idempotency_reservations (
    workspace_id integer not null,
    key text not null,
    path text not null,
    token uuid not null,
    instance uuid not null,
    import_id uuid,
    reserved_at timestamptz not null default now(),
    primary key (workspace_id, key)
);

-- A gateway of version 12 ignores the key of an upload, as it always did.
insert into schema_compatibility (version, works_from) values (13, 12);
