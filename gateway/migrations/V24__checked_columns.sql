-- The columns of a checked file with a few of their values, kept as long as its bytes.
alter table import_kept add column columns json not null default '[]';

insert into schema_compatibility (version, works_from) values (24, 12);
