-- A record has two keys, each unique by itself: its `external_id`, and in `key` its natural key alone, which was the
-- external id where a record had no better one.

do $$
declare
    name text;
begin
    foreach name in array array['contacts', 'accounts', 'deals', 'products'] loop
        -- Of several records with one external id the one that it was the key of keeps it, else the oldest; the others
        -- keep it in `extra`.
        execute format($f$
            with ranked as (
                select workspace_id, id, row_number() over (
                    partition by workspace_id, external_id
                    order by (key is not null and right(key, -1) = external_id) desc, id) as place
                from %1$I where external_id is not null)
            update %1$I t set external_id = null,
                extra = (coalesce(t.extra::jsonb, '{}') || jsonb_build_object('external_id', t.external_id))::json
            from ranked r where r.place > 1 and r.workspace_id = t.workspace_id and r.id = t.id$f$, name);
        execute format('alter table %I alter column external_id type text collate "C"', name);
        execute format('create unique index %I on %I (workspace_id, external_id) where external_id is not null',
            name || '_external_id', name);
    end loop;
end $$;
update contacts set key = null where key like '1%';
update products set key = null where key like '1%';
-- A deal has no natural key.
update deals set key = null;

-- Undo logs named fields by their place in the tables of that day. Imports that have such a log can no longer be undone.
update imports set traces_kept = false
where exists (select from import_chunks c where c.import_no = number and c.undo is not null);

-- An older gateway would look for external ids in `key`.
insert into schema_compatibility (version, works_from) values (11, 11);
