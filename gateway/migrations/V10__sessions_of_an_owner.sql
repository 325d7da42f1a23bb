-- By which `application_name` the sessions of an owner are known: when it is dead, whatever they still hold is freed.
-- Instances of an older version leave it empty.
alter table bus_owners add column sessions text not null default '';

insert into schema_compatibility (version, works_from) values (10, 8);
