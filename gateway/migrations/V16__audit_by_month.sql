-- The audit trail is partitioned by the month in its ids, so that retention drops months instead of deleting rows. The
-- table that there is becomes the partition `audit_until_YYYYMM`. Nothing is read: its check constraint is proof enough.
do $$
declare
    bound text;
    limit_id text;
    old name;
begin
    select conname, substring(pg_get_constraintdef(oid) from '[0-9a-f]{8}-[0-9a-f-]{27}') into strict bound, limit_id
        from pg_constraint where conrelid = 'audit'::regclass and conname like 'audit\_until\_%';
    execute format('alter table audit rename to %I', bound);
    for old in select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
               where i.indrelid = bound::regclass loop
        execute format('alter index %I rename to %I', old, old || '_before');
    end loop;

    create table audit (
        id uuid primary key,
        workspace_id integer not null,
        key_id uuid,
        key_name text,
        operator text,
        action text not null,
        target_type text not null,
        target_id text not null,
        target_name text,
        request_id text,
        ip text,
        changes json
    ) partition by range (id);
    create index audit_listing on only audit (workspace_id, id);
    create index audit_by_action on only audit (workspace_id, action, id);
    create index audit_by_key on only audit (workspace_id, key_id, id) where key_id is not null;
    create index audit_by_key_name on only audit (workspace_id, key_name, id) where key_name is not null;
    create index audit_by_operator on only audit (workspace_id, operator, id) where operator is not null;
    create index audit_by_target on only audit (workspace_id, target_id, id);
    create index audit_by_target_type on only audit (workspace_id, target_type, id);

    execute format('alter table audit attach partition %I for values from (minvalue) to (%L)', bound, limit_id);
    execute format('alter table %I drop constraint %I', bound, bound);
end $$;
create table audit_rest partition of audit default;

-- A statement's trigger on the parent does not see statements on a partition: each partition has its own.
create trigger audit_append_only before update or delete or truncate on audit
    for each statement execute function audit_is_append_only();
create trigger audit_append_only before update or delete or truncate on audit_rest
    for each statement execute function audit_is_append_only();

-- Jobs whose traces are gone, for their own retention.
create index imports_purged on imports (finished_at) where purged_at is not null;

insert into schema_compatibility (version, works_from) values (16, 12);
