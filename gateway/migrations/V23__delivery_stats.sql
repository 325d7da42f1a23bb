-- How deliveries to each destination went: one row for each bucket, of five minutes or an hour, and instance that counted.
-- An instance writes its rows whole, so that a repeat counts nothing twice; readers add up those of all instances.
create table delivery_stats (
    destination_id uuid not null,
    span_seconds integer not null,
    -- When the bucket begins, since 1970: a whole multiple of the span.
    at_seconds bigint not null,
    instance uuid not null,
    succeeded bigint not null,
    failed bigint not null,
    retried bigint not null,
    last_success_at timestamptz,
    -- How many attempts took how long, by the number of a step: an eighth of a doubling, from 0.1 ms on.
    times jsonb not null,
    -- How many deliveries failed for what.
    causes jsonb not null,
    primary key (destination_id, span_seconds, at_seconds, instance)
) with (fillfactor = 70);
create index delivery_stats_age on delivery_stats (span_seconds, at_seconds);

insert into schema_compatibility (version, works_from) values (23, 12);
