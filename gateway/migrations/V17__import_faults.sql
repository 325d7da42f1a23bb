-- Why rows of an import failed: how many of each part of a chunk by each cause, with the first values. Written in the
-- part's transaction; each part has rows of its own, so that writers never wait for each other.
create table import_faults (
    import_no integer not null,
    part integer not null,
    place integer not null,
    code text not null,
    -- Null where it is the row as a whole.
    field text,
    message text not null,
    count bigint not null,
    examples json,
    primary key (import_no, part, place)
);

-- A gateway of version 16 counts no causes, as it always did.
insert into schema_compatibility (version, works_from) values (17, 12);
