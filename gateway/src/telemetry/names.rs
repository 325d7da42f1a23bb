//! Every metric of the gateway, once, with its unit and meaning. docs/metrics.md is checked against this.

use metrics::{describe_counter, describe_gauge, describe_histogram};

macro_rules! metrics_table {
    ($($constant:ident $kind:ident $name:literal $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// Name and meaning of every metric.
        pub const ALL: &[(&str, &str)] = &[$(($name, $help)),*];

        /// Registers each metric's meaning.
        pub fn describe() {
            $($kind!($name, $help);)*
        }
    };
}

metrics_table! {
    HTTP_REQUESTS describe_counter "gateway_http_requests_total" "Requests answered, by method, route and status.";
    HTTP_SECONDS describe_histogram "gateway_http_request_seconds" "Time from a request's head to its reply, by route.";
    HTTP_CONNECTIONS describe_gauge "gateway_http_connections" "Open client connections.";
    HTTP_REFUSED describe_counter "gateway_http_connections_refused_total" "Connections closed at once because server.max_connections was reached.";
    KEYS_LOADED describe_gauge "gateway_keys_loaded" "API keys in memory.";
    KEY_FAILURES describe_counter "gateway_key_failures_total" "Requests refused for their credential, by problem code.";
    KEY_FAILURES_THROTTLED describe_counter "gateway_key_failures_throttled_total" "Refused credentials that got 429, because too many came from one network.";
    CONNECTORS_RELOAD_FAILED describe_gauge "gateway_connectors_reload_failed" "1 after a SIGHUP at which a definition of connectors.directory was wrong, so that all stayed as they were; else 0.";
    FEED_AGE describe_gauge "gateway_feed_age_seconds" "Seconds since the change feed last confirmed that memory and database agree.";
    FEED_CHANGES describe_counter "gateway_feed_changes_total" "Changes taken from the change feed, by kind.";
    DB_POOL_IN_USE describe_gauge "gateway_db_pool_in_use" "Connections of a pool that are in use, by pool: requests or engine.";
    DB_POOL_WAITING describe_gauge "gateway_db_pool_waiting" "Tasks that wait for a connection of a pool, by pool.";
    DB_POOL_TIMEOUTS describe_counter "gateway_db_pool_timeouts_total" "Waits for a connection of a pool that timed out after 3 s, by pool.";
    EVENTS_ACCEPTED describe_counter "gateway_events_accepted_total" "Events durably accepted.";
    EVENTS_REPEATED describe_counter "gateway_events_repeated_total" "Events that repeated an earlier one with the same client id.";
    EVENTS_REFUSED describe_counter "gateway_events_refused_total" "Events refused because bus.max_waiting was reached or the database was away.";
    COMMIT_ROWS describe_histogram "gateway_bus_commit_rows" "Events that shared one commit.";
    COMMIT_SECONDS describe_histogram "gateway_bus_commit_seconds" "Duration of one commit of events.";
    BUS_WAITING describe_gauge "gateway_bus_waiting" "Accepted events that wait for their commit.";
    BUS_UNFINISHED describe_gauge "gateway_bus_unfinished_batches" "Batches of events with a delivery that is neither recorded nor parked.";
    BUS_OLDEST describe_gauge "gateway_bus_oldest_unfinished_seconds" "Age of the oldest event that is neither recorded nor parked: the number to alert on.";
    PARTITION_DAYS_AHEAD describe_gauge "gateway_partition_days_ahead" "Days from tomorrow on for which a partition is there, by table.";
    PARTITION_REST_ROWS describe_gauge "gateway_partition_rest_rows" "Rows of days or months that have no partition, by table, counted up to 100,000.";
    UPKEEP_FAILURES describe_counter "gateway_upkeep_failures_total" "Steps of maintenance that failed and are tried again, by step.";
    BUS_TAKEOVERS describe_counter "gateway_bus_takeovers_total" "Dead instances whose work this instance took over.";
    RELAYED describe_counter "gateway_bus_relayed_total" "The gateway's own events that went from the outbox into the topic.";
    RELAY_LAG describe_gauge "gateway_bus_relay_lag_seconds" "Age of the gateway's own oldest event that is not in the topic yet.";
    KAFKA_LAG describe_gauge "gateway_kafka_lag_messages" "Unfinished messages in this instance's partitions, by the brokers' offsets.";
    KAFKA_PARTITIONS describe_gauge "gateway_kafka_partitions" "Partitions that this instance has.";
    KAFKA_PAUSED describe_gauge "gateway_kafka_paused_partitions" "Partitions that are not fetched from, because too many of their messages are in flight.";
    KAFKA_REBALANCES describe_counter "gateway_kafka_rebalances_total" "Times that this instance got or lost partitions.";
    KAFKA_DAMAGED describe_counter "gateway_kafka_damaged_messages_total" "Messages of the topic that are not events; they are kept in damaged_messages.";
    KAFKA_EXPIRED describe_counter "gateway_kafka_expired_messages_total" "Messages that the topic's retention deleted before they were read: lost events.";
    SOURCE_REQUESTS describe_counter "gateway_source_requests_total" "Requests to sources, by connector and outcome: accepted, repeat, handshake, filtered, or the code of the refusal.";
    SOURCE_SECONDS describe_histogram "gateway_source_seconds" "Time from a source's request to its reply, by connector.";
    SOURCE_FAILURES_THROTTLED describe_counter "gateway_source_failures_throttled_total" "Wrong signatures that got 429, because too many came from one network.";
    SOURCES_LOADED describe_gauge "gateway_sources_loaded" "Sources in memory.";
    SOURCE_RECEIPTS_DROPPED describe_counter "gateway_source_receipts_dropped_total" "Receipts that were not kept, because more requests came than are written down.";
    ATTEMPTS describe_counter "gateway_delivery_attempts_total" "Attempts made, by outcome.";
    ACTION_ATTEMPTS describe_counter "gateway_action_attempts_total" "Attempts of rules, by connector, action and outcome: success, or the error code.";
    ATTEMPT_SECONDS describe_histogram "gateway_delivery_attempt_seconds" "Duration of one attempt.";
    DELIVERIES describe_counter "gateway_deliveries_total" "Deliveries ended, by status.";
    DELIVERIES_PARKED describe_counter "gateway_deliveries_parked_total" "Deliveries put into the schedule, by reason.";
    DELIVERIES_FILTERED describe_counter "gateway_deliveries_filtered_total" "Deliveries that were not made because the endpoint's filter did not match the event.";
    STATS_DROPPED describe_counter "gateway_delivery_stats_dropped_total" "Attempts that GET /v1/webhooks/{id}/stats does not count, because more endpoints are called than are counted in memory.";
    DISPATCH_PANICS describe_counter "gateway_dispatch_panics_total" "Panics while a Kafka event is stored and during fan-out of an event, by place: after one in a filter the event is sent as if it matched, after one while it is stored (store) it gets one attempt, after one elsewhere (event) it has no deliveries.";
    LANES describe_gauge "gateway_lanes" "Endpoints that have deliveries in memory.";
    LANE_WAITING describe_gauge "gateway_lane_waiting" "Deliveries that wait in memory, in their lane's queue.";
    DELIVERY_MEMORY describe_gauge "gateway_delivery_memory_bytes" "Bytes that are being sent to endpoints or wait in memory, of webhooks.max_memory_bytes.";
    ATTEMPTS_UNDER_WAY describe_gauge "gateway_attempts_under_way" "Attempts under way to all endpoints, of webhooks.max_attempts_at_once.";
    IDLE_CONNECTIONS describe_gauge "gateway_idle_connections" "Open idle connections to endpoints, of webhooks.max_idle_connections.";
    IDLE_CONNECTIONS_CLOSED describe_counter "gateway_idle_connections_closed_total" "Idle connections to endpoints that were closed because there were too many.";
    RETRY_LATENESS describe_histogram "gateway_retry_lateness_seconds" "How long after its due time a scheduled attempt started.";
    RECORD_ROWS describe_histogram "gateway_recorder_commit_rows" "Outcomes that shared one commit.";
    RECORD_SECONDS describe_histogram "gateway_recorder_commit_seconds" "Duration of one commit of outcomes.";
    RECORD_FAILURES describe_counter "gateway_recorder_failures_total" "Commits of outcomes that failed and were retried.";
    OUTCOMES_LOST describe_counter "gateway_outcomes_lost_total" "Outcomes that cannot be written and are lost, by reason: refused by the database, or a panic.";
    LOG_LINES_DROPPED describe_counter "gateway_log_lines_dropped_total" "Log lines that were dropped because they could not be written, or not fast enough.";
    IMPORTS describe_counter "gateway_imports_total" "Imports ended, by object and status.";
    IMPORTS_RUNNING describe_gauge "gateway_imports_running" "Imports running on this instance.";
    IMPORTS_OLDEST_CHUNK describe_gauge "gateway_imports_oldest_chunk_seconds" "The longest time since an import running on this instance began or last committed a chunk.";
    IMPORTS_REFUSED describe_counter "gateway_imports_refused_total" "Imports refused because imports.max_running, or all but one by one workspace, was reached.";
    IMPORT_ROWS describe_counter "gateway_import_rows_total" "Rows of imports whose outcome is committed.";
    IMPORT_CHUNK_SECONDS describe_histogram "gateway_import_chunk_seconds" "Duration of the transaction of one chunk of rows.";
    SENTRY_REPORTS describe_counter "gateway_sentry_reports_total" "Reports that sentries took.";
    SENTRY_REPORTS_REFUSED describe_counter "gateway_sentry_reports_refused_total" "Reports refused with 429 because one sentry had too many.";
    SENTRY_TIMEOUTS describe_counter "gateway_sentry_timeouts_total" "Sentries that this instance turned sick because no report came in time.";
    SENTRIES_SICK describe_gauge "gateway_sentries_sick" "Enabled sentries that are sick, in all workspaces.";
    CONNECTIONS describe_gauge "gateway_connections" "Connections in all workspaces, by status: pending, ready, expiring, reconnect or failing.";
    CONNECTION_REFRESHES describe_counter "gateway_connection_refreshes_total" "Tokens asked for, by connector and outcome: ok, refused (the vendor ended the grant), failed (asked again later) or lost (another instance had taken over).";
    HOOTS_LOADED describe_gauge "gateway_hoots_loaded" "Public hoots in memory.";
    HOOT_VIEWS_REFUSED describe_counter "gateway_hoot_views_refused_total" "Requests for badges and public pages that got 429, because too many came from one network.";
    IMPORT_RETRIES describe_counter "gateway_import_retries_total" "Chunks that were retried because others changed the same records or the database was away.";
}
