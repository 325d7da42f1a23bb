-- Positions in the change feed are snapshots, and a snapshot means something only within one life of one server: after a
-- failover, a restore or a crash that lost commits, transaction ids are given a second time. All of these functions may
-- be called by any role unless the operator took that away; then the part that they tell is `?`.
create function server_life() returns text language plpgsql stable as $$
declare
    system text := '?';
    timeline text := '?';
    -- Shared statistics are reset when the server recovers from a crash, which leaves its start time as it was.
    crash text := '?';
begin
    begin
        select c.system_identifier::text into system from pg_control_system() c;
    exception when insufficient_privilege then null;
    end;
    begin
        -- Not the timeline of the control file, which stays the old one until the first checkpoint after a promotion.
        timeline := case when pg_is_in_recovery() then 'standby'
                         else substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) end;
    exception when insufficient_privilege then null;
    end;
    begin
        select extract(epoch from b.stats_reset)::text into crash from pg_stat_bgwriter b;
    exception when insufficient_privilege then null;
    end;
    return concat_ws('/', system, timeline, extract(epoch from pg_postmaster_start_time())::text, crash);
end $$;

-- The life of the server that `seen` belongs to. Instances of an older version leave it empty and count as unconfirmed.
alter table instances add column life text not null default '';

insert into schema_compatibility (version, works_from) values (9, 8);
