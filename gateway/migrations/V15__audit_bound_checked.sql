-- Reads the whole audit trail while others write to it, in a transaction of its own: the next migration then needs its
-- locks for a moment only, and can try for them again without reading everything again.
do $$
declare
    bound text;
begin
    select conname into strict bound from pg_constraint
        where conrelid = 'audit'::regclass and conname like 'audit\_until\_%';
    execute format('alter table audit validate constraint %I', bound);
end $$;

insert into schema_compatibility (version, works_from) values (15, 12);
