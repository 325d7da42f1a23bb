-- Which instance runs an import: its row in `instances` says whether it lives. A job of an older gateway has none.
alter table imports add column instance uuid;

-- A gateway of version 11 would hold a lock that no other asks for.
insert into schema_compatibility (version, works_from) values (12, 12);
