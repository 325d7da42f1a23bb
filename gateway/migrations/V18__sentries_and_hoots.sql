-- Sentries: statuses that outside systems report. Hoots: the badges that show them.

-- In the order of how bad they are, so that `max` is the worst.
create type sentry_state as enum ('happy', 'sad', 'sick');

create table sentries (
    id uuid primary key,
    workspace_id integer not null references workspaces,
    name text not null,
    description text,
    enabled boolean not null default true,
    state sentry_state,
    reason text check (reason in ('report', 'upstream', 'timeout')),
    reported_state sentry_state,
    user_message text,
    history_note text,
    private_entry boolean not null default false,
    -- `json`, not `jsonb`: what was sent is kept as it was sent.
    meta json not null default '{}',
    latest_record_at timestamptz,
    last_report_at timestamptz,
    -- In hundredths of an hour.
    timeout_hundredths integer check (timeout_hundredths between 1 and 876000),
    -- When the time-out comes, or came; null without one and while the sentry is disabled.
    sick_at timestamptz,
    -- Whether the time-out at `sick_at` has been written down.
    timed_out boolean not null default false,
    -- Entries of one sentry have different times, each later than the one before.
    last_entry_at timestamptz,
    words tsvector not null default '',
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index sentries_listing on sentries (workspace_id, id);
create index sentries_words on sentries using gin (words);
create index sentries_due on sentries (sick_at) where sick_at is not null and not timed_out;
create index sentries_sick on sentries (workspace_id) where state = 'sick' and enabled;

create table sentry_upstreams (
    sentry_id uuid not null references sentries on delete cascade,
    upstream_id uuid not null references sentries on delete cascade,
    position smallint not null,
    primary key (sentry_id, upstream_id)
);
create index sentry_upstreams_downward on sentry_upstreams (upstream_id);

-- Without a foreign key: of a sentry that is deleted the history goes a bounded number of rows at a time.
create table sentry_history (
    sentry_id uuid not null,
    at timestamptz not null,
    id uuid not null,
    source text not null check (source in ('report', 'timeout')),
    reported_state sentry_state,
    state sentry_state,
    -- The state before this entry.
    previous_state sentry_state,
    reason text,
    user_message text,
    history_note text,
    private_entry boolean not null,
    meta json not null,
    latest_record_at timestamptz,
    key_id uuid,
    key_name text,
    primary key (sentry_id, at)
);
-- For retention: rows lie in the order of their times, so a few pages tell where old ones are.
create index sentry_history_age on sentry_history using brin (at) with (autosummarize = on);

-- Sentries that were deleted before their history was.
create table deleted_sentries (
    id uuid primary key,
    deleted_at timestamptz not null default now()
);

create table hoots (
    id uuid primary key,
    workspace_id integer not null references workspaces,
    name text not null,
    description text,
    resource_url text,
    enabled boolean not null default true,
    public boolean not null default true,
    message text,
    links json not null default '[]',
    faqs json not null default '[]',
    override_state text check (override_state in ('happy', 'sad', 'sick', 'neutral')),
    override_message text,
    override_until timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index hoots_listing on hoots (workspace_id, id);

-- Which sentries a hoot shows, with the place of each in the other's list.
create table hoot_sentries (
    hoot_id uuid not null references hoots on delete cascade,
    sentry_id uuid not null references sentries on delete cascade,
    of_hoot smallint not null,
    of_sentry smallint not null,
    primary key (hoot_id, sentry_id)
);
create index hoot_sentries_by_sentry on hoot_sentries (sentry_id);

insert into schema_compatibility (version, works_from) values (18, 12);
