-- The console's one-time links and its sessions. Of codes and cookies only the SHA-256 is kept. A key that is deleted takes
-- both with it, and a link that is deleted the sessions that it opened.

create table console_links (
    id uuid primary key,
    workspace_id integer not null references workspaces,
    key_id uuid not null references api_keys on delete cascade,
    digest bytea not null unique check (octet_length(digest) = 32),
    label text,
    scopes text[] not null,
    next text,
    session_hours double precision not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index console_links_listing on console_links (workspace_id, id);
create index console_links_of_key on console_links (key_id);
create index console_links_age on console_links (expires_at);

create table console_sessions (
    id uuid primary key,
    workspace_id integer not null references workspaces,
    key_id uuid not null references api_keys on delete cascade,
    -- By this every instance finds the key in memory, and with it whether it still holds.
    key_digest bytea not null,
    link_id uuid references console_links on delete cascade,
    digest bytea not null unique check (octet_length(digest) = 32),
    scopes text[] not null,
    ip text not null,
    user_agent text,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at timestamptz not null
) with (fillfactor = 80);
create index console_sessions_of_key on console_sessions (key_id, id);
create index console_sessions_of_link on console_sessions (link_id) where link_id is not null;
create index console_sessions_age on console_sessions (expires_at);

insert into schema_compatibility (version, works_from) values (22, 12);
