-- Sources: public addresses whose requests are verified and become events.

create table sources (
    id uuid primary key,
    workspace_id integer not null references workspaces,
    name text not null,
    connector text not null,
    enabled boolean not null default true,
    options json not null default '{}',
    filter text,
    rate_limit_per_second integer,
    ip_allowlist text[] not null default '{}',
    -- The segment of the URL: sealed, and its SHA-256, by which a request finds its source.
    token bytea not null,
    token_digest bytea not null unique,
    previous_token_digest bytea unique,
    previous_token_until timestamptz,
    -- A secret that a handshake handed out and nobody has confirmed: sealed.
    handshake_secret bytea,
    handshake_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index sources_listing on sources (workspace_id, id);

-- The present value of each secret, and the one before it: sealed.
create table source_secrets (
    source_id uuid not null references sources on delete cascade,
    name text not null,
    value bytea not null,
    set_at timestamptz not null,
    previous bytea,
    previous_until timestamptz,
    primary key (source_id, name)
);

-- Types of events that came from sources. They outlive their source, as the events do.
create table source_types (
    source_id uuid not null,
    name text not null,
    workspace_id integer not null references workspaces,
    primary key (source_id, name)
);
create index source_types_listing on source_types (workspace_id);

-- How requests went of late. Apart from `sources`, because it changes with traffic.
create table source_activity (
    source_id uuid primary key references sources on delete cascade,
    last_accepted_at timestamptz,
    last_refused_at timestamptz,
    last_refusal text,
    refused_in_row integer not null default 0
) with (fillfactor = 50);

create table source_counts (
    source_id uuid not null references sources on delete cascade,
    -- The beginning of ten minutes.
    since timestamptz not null,
    accepted bigint not null,
    refused bigint not null,
    primary key (source_id, since)
) with (fillfactor = 50);

-- The newest requests of each source.
create table source_receipts (
    id uuid primary key,
    source_id uuid not null references sources on delete cascade,
    at timestamptz not null,
    method text not null,
    outcome text not null,
    is_refused boolean not null,
    event_ids text[] not null,
    bytes bigint not null,
    remote_ip inet not null,
    -- Names and values, credentials masked.
    headers json not null,
    body bytea,
    -- What a retry needs beside the body, such as signatures: sealed.
    sealed bytea
);
create index source_receipts_listing on source_receipts (source_id, is_refused, id);

insert into schema_compatibility (version, works_from) values (26, 12);
