-- Lists of deliveries by any of their properties. An index for each status and scope replaces those that had either: a
-- delivery stands in one of the three of its webhook and in one of the three of its workspace, and each list is in the
-- order of ids within a type.

-- How the last attempt ended: `last_error` is the number of its error code, null after a success. Both are null before
-- the first attempt, and in deliveries that were recorded before these columns were there.
alter table deliveries add column last_status_code smallint;
alter table deliveries add column last_error smallint;

create index deliveries_of_webhook_pending on only deliveries (webhook_id, type, id) where status = 0;
create index deliveries_of_webhook_succeeded on only deliveries (webhook_id, type, id) where status = 1;
create index deliveries_of_webhook_failed on only deliveries (webhook_id, type, id) where status = 2;
create index deliveries_of_workspace_pending on only deliveries (workspace_id, type, id) where status = 0;
create index deliveries_of_workspace_succeeded on only deliveries (workspace_id, type, id) where status = 1;
create index deliveries_of_workspace_failed on only deliveries (workspace_id, type, id) where status = 2;
create index deliveries_by_error on only deliveries (workspace_id, last_error, id) where last_error is not null;
-- Not of a success with a usual status code: the most frequent deliveries have no entry here.
create index deliveries_by_status_code on only deliveries (workspace_id, last_status_code, id)
    where last_status_code is not null and (status <> 1 or last_status_code not in (200, 201, 202, 204));
-- Those whose ids do not follow from their event's.
create index deliveries_by_event on only deliveries (event_id)
    where redelivery_of is not null or test_body is not null;

-- Partitions that are empty get their indexes at once, the others from upkeep, which stops no writer. It also drops the
-- old indexes once the new ones are complete.
do $$
declare
    part regclass;
    has_rows boolean;
    parent record;
    made text;
begin
    for part in select inhrelid::regclass from pg_inherits where inhparent = 'deliveries'::regclass loop
        execute format('select exists (select from %s)', part) into has_rows;
        continue when has_rows;
        for parent in select c.relname, pg_get_indexdef(c.oid) as definition
                      from pg_index i join pg_class c on c.oid = i.indexrelid
                      where i.indrelid = 'deliveries'::regclass and not i.indisvalid loop
            made := part::text || substr(parent.relname, length('deliveries') + 1);
            execute format('create index %I on %s %s', made, part,
                           substring(parent.definition from ' (USING .*)$'));
            execute format('alter index %I attach partition %I', parent.relname, made);
        end loop;
    end loop;
    if not exists (select from pg_index where indrelid = 'deliveries'::regclass and not indisvalid) then
        drop index deliveries_listing, deliveries_pending, deliveries_failed, deliveries_again;
    end if;
end $$;

insert into schema_compatibility (version, works_from) values (19, 12);
