-- Rules: destinations of deliveries whose requests are made from templates.

create table rules (
    id uuid primary key,
    workspace_id integer not null references workspaces,
    name text not null,
    events text[] not null,
    filter text,
    -- As `http.request`: a connector and one of its actions.
    action text not null,
    connection_id uuid,
    -- The templates, a JSON object as it was sent.
    input text not null,
    ordering text not null,
    unsure text,
    emit_result boolean not null,
    max_attempts smallint,
    timeout_seconds smallint,
    rate_limit_per_second integer,
    enabled boolean not null default true,
    disabled_reason text,
    health text not null default 'healthy',
    -- Goes up with every change of what is sent.
    revision integer not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index rules_listing on rules (workspace_id, id);
create index rules_of_connection on rules (connection_id) where connection_id is not null;

-- All that deliveries can go to: `webhook_id` in `deliveries` and `scheduled_deliveries` is an id of one of these.
create view destinations as
    select id, workspace_id from webhooks
    union all
    select id, workspace_id from rules;

-- By which revision of its destination a delivery was made or last attempted; null where destinations have none, as
-- webhooks. And what it gave, as JSON.
alter table deliveries add column revision integer;
alter table deliveries add column result text;

insert into schema_compatibility (version, works_from) values (27, 12);
