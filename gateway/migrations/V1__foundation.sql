-- Workspaces, keys, the change feed, event types, the audit trail and replies kept for idempotency.

create table workspaces (
    id integer generated always as identity primary key,
    name text not null unique,
    created_at timestamptz not null default now()
);
insert into workspaces (name) values ('default');

create table api_keys (
    id uuid primary key,
    workspace_id integer not null references workspaces,
    name text not null,
    -- SHA-256 of the whole key: of the key itself nothing is kept but the hint.
    digest bytea not null unique check (octet_length(digest) = 32),
    hint text not null,
    scopes text[] not null,
    ip_allowlist text[],
    rate_limit_per_second integer,
    rotated_from uuid,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);
create index api_keys_listing on api_keys (workspace_id, id);

-- What changed in the registries that every instance holds in memory. Written in the transaction of the
-- change; `xid` lets a reader ask for "all that my last snapshot could not see yet", which no sequence can tell.
create table changes (
    id bigint generated always as identity primary key,
    xid xid8 not null default pg_current_xact_id(),
    kind text not null,
    entity uuid not null,
    workspace_id integer not null,
    at timestamptz not null default now()
);
create index changes_xid on changes (xid);

create table event_types (
    id uuid primary key,
    workspace_id integer not null references workspaces,
    name text not null,
    description text not null,
    created_at timestamptz not null,
    unique (workspace_id, name)
);

create table audit (
    id uuid primary key,
    workspace_id integer not null,
    key_id uuid,
    key_name text,
    operator text,
    action text not null,
    target_type text not null,
    target_id text not null,
    target_name text,
    request_id text,
    ip text,
    -- `json`, not `jsonb`: what was said is kept as it was said.
    changes json
);
create index audit_listing on audit (workspace_id, id);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only';
end $$;
create trigger audit_append_only before update or delete or truncate on audit
    for each statement execute function audit_is_append_only();

create table idempotency_replies (
    workspace_id integer not null,
    key text not null,
    path text not null,
    body_digest bytea not null,
    status smallint not null,
    reply bytea not null,
    created_at timestamptz not null default now(),
    primary key (workspace_id, key)
);
create index idempotency_replies_age on idempotency_replies (created_at);

-- Keys that the gateway makes for itself where the operator sets none.
create table gateway_secrets (
    name text primary key,
    value bytea not null
);
