-- Messages of the topic that are no events: kept for an operator to look at, and dropped with the retention.
create table damaged_messages (
    topic text not null,
    partition_no integer not null,
    message_offset bigint not null,
    found_at timestamptz not null default now(),
    -- The first 64 KiB of it.
    value bytea not null,
    fault text not null,
    primary key (topic, partition_no, message_offset)
);
