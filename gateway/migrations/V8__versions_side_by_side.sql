-- While instances are replaced one after the other, those of the version before still start and stop beside a schema that
-- the first new one has brought up to date. Each later migration says here whether they may: one that only adds (expands)
-- works from an older version on, one that takes away (contracts) from the version that needs it no more.
create table schema_compatibility (
    version     integer primary key,
    -- The oldest version of the schema whose gateways work with this one.
    works_from  integer not null check (works_from <= version)
);

insert into schema_compatibility (version, works_from) values (8, 8);
