-- The audit trail will be partitioned by month. The table that there is becomes its first partition, up to this bound: the
-- month after the next, so that writers stay below it until that is done. The next migration checks existing rows.
do $$
declare
    newest timestamptz;
    bound timestamp;
begin
    -- The first 48 bits of an id are milliseconds since 1970.
    select to_timestamp(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) into newest
        from audit order by id desc limit 1;
    bound := date_trunc('month', greatest(now(), newest) at time zone 'utc') + interval '2 months';
    execute format('alter table audit add constraint %I check (id < %L) not valid',
        'audit_until_' || to_char(bound, 'YYYYMM'),
        rpad(lpad(to_hex((extract(epoch from bound) * 1000)::bigint), 12, '0'), 32, '0')::uuid);
end $$;

insert into schema_compatibility (version, works_from) values (14, 12);
