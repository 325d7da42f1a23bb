-- Connections: sealed credentials, some of which keep themselves fresh.
create table connections (
    id uuid primary key,
    workspace_id integer not null references workspaces,
    name text not null,
    connector text not null,
    kind text not null,
    -- Sealed: a JSON object of texts, secrets among them.
    fields bytea not null,
    -- Sealed: the access token, and the refresh token where there is one.
    tokens bytea,
    -- Those that were granted, or asked for.
    scopes text[] not null default '{}',
    -- Whose it is, as the vendor says.
    account text,
    status text not null check (status in ('pending', 'ready', 'expiring', 'reconnect', 'failing')),
    status_detail text,
    -- When the access token ends, and when what renews it ends, where the vendor says so.
    expires_at timestamptz,
    grant_expires_at timestamptz,
    refreshed_at timestamptz,
    -- When a token is asked for next; null: not by itself.
    refresh_at timestamptz,
    refresh_failures integer not null default 0,
    -- One instance at a time asks, until then; each lease has a larger fence.
    leased_until timestamptz,
    fence bigint not null default 0,
    -- Set before a token is asked for, and cleared with the answer: after a crash between the two nobody knows whether the
    -- refresh token is spent.
    asked_at timestamptz,
    -- When its token was last wanted.
    used_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index connections_listing on connections (workspace_id, id);
create index connections_due on connections (refresh_at) where refresh_at is not null;
create index connections_ending on connections (expires_at) where expires_at is not null;

-- Who uses a connection: a rule or a source, each one connection at most.
create table connection_uses (
    user_kind text not null check (user_kind in ('rule', 'source')),
    user_id uuid not null,
    connection_id uuid not null references connections,
    primary key (user_kind, user_id)
);
create index connection_uses_of on connection_uses (connection_id);

-- Authorizations that were begun: each is taken once, within ten minutes.
create table connection_grants (
    -- Of `state`; the text itself is kept nowhere.
    digest bytea primary key check (octet_length(digest) = 32),
    connection_id uuid not null references connections on delete cascade,
    workspace_id integer not null references workspaces,
    -- Sealed: the verifier of PKCE, where the vendor takes one.
    verifier bytea,
    redirect_uri text not null,
    scopes text[] not null,
    return_to text,
    -- The key that began it, for the audit trail.
    key_id uuid,
    key_name text,
    -- Of the cookie of the browser that began it, where it began in one.
    browser bytea,
    expires_at timestamptz not null
);
create index connection_grants_age on connection_grants (expires_at);
create index connection_grants_of on connection_grants (connection_id);

insert into schema_compatibility (version, works_from) values (25, 12);
