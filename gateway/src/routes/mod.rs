//! The one table of routes: method, path, access, handler and OpenAPI description.
//!
//! Routing, scope checks, 405 with `Allow`, and the OpenAPI file all come from this table, so they cannot disagree.

pub mod dispatch;
mod handling;
mod hoot_table;
mod import_table;
mod integrations;
pub mod openapi;
mod openapi_detail;
mod openapi_filter;
mod openapi_page;
mod openapi_sentries;
mod pages;
mod record_table;
mod route_metrics;
mod sentry_table;
mod table;
mod unkeyed;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::Method;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::base::scope::Scope;
use crate::connections::Connections;
use crate::connectors::catalogue::Catalogue;
use crate::console::Console;
use crate::db::Db;
use crate::events::Events;
use crate::hoots::Hoots;
use crate::http::call::Call;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::imports::Imports;
use crate::keys::Keys;
use crate::records::Records;
use crate::rules::Rules;
use crate::sentries::Sentries;
use crate::sources::Sources;
use crate::webhooks::api::Webhooks;

pub use table::routes;

/// What handlers are given. `app` builds it.
#[derive(Clone)]
pub struct Services {
    pub db: Db,
    pub keys: Keys,
    pub catalogue: Arc<Catalogue>,
    pub console: Console,
    pub events: Arc<Events>,
    pub records: Records,
    pub imports: Imports,
    pub sentries: Sentries,
    pub hoots: Hoots,
    pub sources: Sources,
    pub webhooks: Webhooks,
    pub connections: Connections,
    pub rules: Rules,
}

/// The access that a route needs.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// Any key that is valid.
    AnyKey,
    /// A key that holds all of these.
    Scopes(&'static [Scope]),
}

impl Access {
    /// The scopes that are needed.
    pub const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::AnyKey => &[],
            Self::Scopes(scopes) => scopes,
        }
    }
}

type Handling = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;
type Handler = fn(&Services, Call) -> Handling;

/// A type's schema under its name, with those that it refers to.
#[derive(Clone)]
pub struct SchemaDoc {
    pub name: String,
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

impl SchemaDoc {
    fn of<T: ToSchema + PartialSchema>() -> Self {
        let mut schemas = Vec::new();
        T::schemas(&mut schemas);
        let name = T::name().into_owned();
        schemas.push((name.clone(), T::schema()));
        Self { name, schemas }
    }
}

/// What a route's reply holds.
#[derive(Clone)]
pub enum ReplyDoc {
    Nothing,
    One(SchemaDoc),
    /// A page of these.
    Page(SchemaDoc),
    /// All of these at once.
    All(SchemaDoc),
    /// Text of another media type than JSON.
    Text(&'static str),
}

/// One route.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub handler: Handler,
    pub summary: &'static str,
    pub query: &'static [(&'static str, &'static str)],
    pub body: Option<(SchemaDoc, bool)>,
    /// The media type of the body.
    pub media_type: &'static str,
    /// Whether the time that a request takes depends on how much the client sends or asks for.
    pub is_unbounded: bool,
    pub status: u16,
    pub reply: ReplyDoc,
    pub errors: &'static [Code],
    /// Its body is a CSV file, sent as it is or in a form.
    pub uploads: bool,
    /// Its body may also be a form.
    pub takes_forms: bool,
    /// Whether it can be asked for the number alone, with 200.
    pub counts: bool,
    /// Whether a client that prefers so is answered with 202 before the work is done.
    pub defers: bool,
}

impl Route {
    fn new(
        method: Method,
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: Handler,
    ) -> Self {
        Self {
            method,
            path,
            access,
            handler,
            summary,
            query: &[],
            body: None,
            media_type: "application/json",
            is_unbounded: false,
            status: 200,
            reply: ReplyDoc::Nothing,
            errors: &[],
            uploads: false,
            takes_forms: false,
            counts: false,
            defers: false,
        }
    }

    fn query(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    fn body<T: ToSchema + PartialSchema>(mut self) -> Self {
        self.body = Some((SchemaDoc::of::<T>(), true));
        self
    }

    /// A body that may be absent.
    fn optional_body<T: ToSchema + PartialSchema>(mut self) -> Self {
        self.body = Some((SchemaDoc::of::<T>(), false));
        self
    }

    /// A body of another media type, of which `T` describes a part, that may take its time to arrive.
    fn streamed<T: ToSchema + PartialSchema>(mut self, media_type: &'static str) -> Self {
        self.media_type = media_type;
        self.is_unbounded = true;
        self.body::<T>()
    }

    /// A request whose work is as large as what it asks for.
    fn unbounded(mut self) -> Self {
        self.is_unbounded = true;
        self
    }

    /// A body with `dry_run`, which asks for the number alone.
    const fn counts(mut self) -> Self {
        self.counts = true;
        self
    }

    fn replies<T: ToSchema + PartialSchema>(mut self, status: u16) -> Self {
        self.status = status;
        self.reply = ReplyDoc::One(SchemaDoc::of::<T>());
        self
    }

    /// A body that the table of an object describes.
    fn takes(mut self, body: SchemaDoc) -> Self {
        self.body = Some((body, true));
        self
    }

    /// A reply that the table of an object describes.
    fn documents(mut self, status: u16, reply: ReplyDoc) -> Self {
        self.status = status;
        self.reply = reply;
        self
    }

    fn lists<T: ToSchema + PartialSchema>(mut self) -> Self {
        self.reply = ReplyDoc::Page(SchemaDoc::of::<T>());
        self
    }

    fn lists_all<T: ToSchema + PartialSchema>(mut self) -> Self {
        self.reply = ReplyDoc::All(SchemaDoc::of::<T>());
        self
    }

    fn no_content(mut self) -> Self {
        self.status = 204;
        self
    }

    /// A body that is a file.
    const fn uploads(mut self) -> Self {
        self.uploads = true;
        self
    }

    /// A body that may also be a form, urlencoded or in parts.
    const fn forms(mut self) -> Self {
        self.takes_forms = true;
        self
    }

    /// Takes `Prefer: respond-async` (RFC 7240).
    const fn defers(mut self) -> Self {
        self.defers = true;
        self
    }

    /// Text of a media type.
    fn replies_text(mut self, media_type: &'static str) -> Self {
        self.reply = ReplyDoc::Text(media_type);
        self
    }

    /// Errors beside those that every route of its kind has.
    fn errors(mut self, errors: &'static [Code]) -> Self {
        self.errors = errors;
        self
    }

    fn takes_idempotency_key(&self) -> bool {
        self.method == Method::POST
    }
}
