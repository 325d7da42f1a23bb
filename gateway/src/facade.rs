//! What tests, fuzzers and benches may reach of the library, and all that they may reach.
//!
//! The modules themselves are private to the crate, so that the compiler finds what nothing uses any more.

pub mod app {
    pub use crate::app::database;
}

pub mod base {
    pub use crate::base::caller::WorkspaceId;
    pub use crate::base::clock::Millis;
    pub use crate::base::id::{DeliveryId, DestinationId, WebhookId};
    pub use crate::base::tasks::Tasks;
}

pub mod bus {
    #[cfg(feature = "kafka")]
    pub use crate::bus::kafka::KafkaBus;
    pub use crate::bus::postgres::{PostgresBus, Role};
    pub use crate::bus::table::events::IN_RANGE;
    pub use crate::bus::{Accepted, Batch, Bus, Emission, NewEvent, Once, RequestKey};
}

pub mod config {
    pub use crate::config::{BusKind, Config};
}

/// What rules and sources do with connections.
pub mod connections {
    pub use crate::connections::Connections;
    pub use crate::connections::refresh::refusals::{Refusals, Refused};
    pub use crate::connections::registry::{Live, Registry};
    pub use crate::connections::use_store::{User, clear, put};
}

pub mod connectors {
    pub use crate::connectors::catalogue::{Catalogue, CatalogueFault, Connector, Connectors, Origin};
    pub use crate::connectors::definition::*;
    pub use crate::connectors::input::Inputs;
    pub use crate::connectors::outcome::{Answer, Judgement, judge};
    pub use crate::connectors::request::{Given, Rendered, Shown, delivery_root, render, render_masked};
    pub use crate::connectors::template::{RenderFault, Scope, Text, Tree, encode_pairs, header_value};
    pub use crate::connectors::token::*;
    pub use crate::connectors::vectors::{VectorFault, gaps, run as run_vectors};
    pub use crate::connectors::verify::{Held, Keyring, Received, Refusal, Unsupported, Verifier};
}

pub mod db {
    pub use crate::db::{Client, Day, Db, DbError, Purpose, begin, drop_partitions, migrate};
}

pub mod delivery {
    pub use crate::delivery::budget::Budget;
    pub use crate::delivery::engine::job::Payload;
    pub use crate::delivery::engine::outcome::{Outcome, Verdict};
    pub use crate::delivery::engine::record_store::{Session, write};
    pub use crate::delivery::log::Attempt;
    pub use crate::delivery::schedule::store::leases::Leases;
    pub use crate::delivery::schedule::store::release;
}

pub mod events {
    pub use crate::events::types::EventTypes;
}

pub mod http {
    pub use crate::http::form::parameters::parameters;
    pub use crate::http::form::part_head::PartHead;
    pub use crate::http::form::splitter::{Found, HeadTooLong, MAX_HEAD_BYTES, Splitter};
    pub use crate::http::json::{Node, parse as parse_json};
    pub use crate::http::problem::{Code, Problem};
}

pub mod imports {
    pub use crate::http::cell::{escape_prefix, unescape};
    pub use crate::imports::job::purge_store::{purge, purge_jobs};
    pub use crate::imports::kept::store::purge as purge_kept;
    pub use crate::imports::mode::Mode;
    pub use crate::imports::read::csv::raw_record::RecordFault;
    pub use crate::imports::read::decode::Decoder;
    pub use crate::imports::read::header::HeaderMap;
    pub use crate::imports::read::header::mapping::Mapping;
    pub use crate::imports::read::limits::Limits;
    pub use crate::imports::read::opening::{Opening, Reading};
    pub use crate::imports::read::refusal::Refusal;
    pub use crate::imports::read::row::Outcome;
    pub use crate::imports::read::rows::{Parsed, RowStream};
    pub use crate::imports::read::sniff::encoding::{Stated, labelled};
    pub use crate::imports::write::chunk::{Chunk, own_columns};
}

pub mod maintenance {
    pub use crate::maintenance::{Retention, tidy};
}

pub mod records {
    pub use crate::records::Object;
    pub use crate::records::objects::OBJECTS;
    pub use crate::records::value::{DateOrder, DecimalSign, Spelling, parse};
}

pub mod routes {
    /// The OpenAPI description.
    pub use crate::routes::openapi::text as openapi_text;
}

pub mod telemetry {
    pub use crate::telemetry::health::Health;
    /// Every metric.
    pub use crate::telemetry::names::ALL as METRICS;
}

pub mod webhooks {
    pub use crate::filter::{Data, Filter, FilterText};
    pub use crate::vault::Vault;
    pub use crate::webhooks::registry::Registry;
}
