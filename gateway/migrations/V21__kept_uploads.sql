-- Uploads that a dry run keeps for an hour, to be imported without being sent again. Unlogged: they cost no WAL, and after a
-- crash of the database the file has to be sent again.

-- What it takes to read an upload again: what its headers said, and the parameters of its dry run.
create unlogged table import_kept (
    import_no integer primary key,
    workspace_id integer not null,
    -- Several imports may have the same bytes.
    file uuid not null,
    byte_count bigint not null,
    coding text not null,
    boundary text,
    charset text,
    parameters json not null,
    expires_at timestamptz not null
);
create index import_kept_file on import_kept (file);
create index import_kept_workspace on import_kept (workspace_id, import_no);

-- The body as sent, each part compressed by itself.
create unlogged table import_kept_parts (
    file uuid not null,
    part integer not null,
    bytes bytea not null,
    created_at timestamptz not null default now(),
    primary key (file, part)
);
alter table import_kept_parts alter column bytes set storage external;

-- A gateway of version 20 knows neither.
insert into schema_compatibility (version, works_from) values (21, 12);
