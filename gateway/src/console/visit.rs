//! One request for a page: before its session is known, and after.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, Method, StatusCode, Uri};
use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::access::Session;
use super::form::Form;
use super::frame::{Frame, Section};
use super::site::Site;
use super::{Console, cookies, page};
use crate::base::hex;
use crate::base::scope::Scope;
use crate::http::body::RequestBody;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::reply::{Reply, has_etag};
use crate::http::request_id::RequestId;

/// A request for a page, of nobody in particular.
pub struct Arrival {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: RequestBody,
    pub request_id: RequestId,
    pub ip: IpAddr,
    pub site: Site,
    pub console: Console,
}

impl Arrival {
    /// The secret of the session that the request claims to belong to.
    pub fn session_secret(&self) -> Option<&str> {
        cookies::session(&self.headers, &self.site)
    }

    /// Whether a session's cookie came along, good or not.
    pub fn has_cookie(&self) -> bool {
        cookies::has_session(&self.headers, &self.site)
    }

    /// The notice that the page before left.
    pub fn notice(&self) -> Option<String> {
        cookies::notice(&self.headers, &self.site)
    }

    /// The request's query.
    pub fn query(&self) -> Query {
        Query::parse(self.uri.query())
    }

    /// The frame of a page without a session.
    pub fn frame(&self, h1: &str) -> Frame {
        Frame::new(&self.console, h1).asked_with(&self.headers, &self.site, &self.uri)
    }

    /// The same request with its session.
    pub fn with_session(self, session: Arc<Session>, parameters: Vec<String>) -> Visit {
        let query = self.query();
        let path_and_query = self.uri.path_and_query();
        Visit {
            call: Call {
                path: path_and_query
                    .map_or("/", http::uri::PathAndQuery::as_str)
                    .to_owned(),
                parameters,
                query,
                method: self.method,
                authority: self.uri.authority().cloned(),
                is_https: self.site.is_https,
                headers: self.headers,
                body: self.body,
                request_id: self.request_id,
                ip: self.ip,
                caller: session.caller.clone(),
            },
            uri: self.uri,
            session,
            site: self.site,
            console: self.console,
        }
    }
}

/// A request for a page, with the session that it belongs to and all that the API's handlers know of a call.
pub struct Visit {
    pub call: Call,
    pub uri: Uri,
    pub session: Arc<Session>,
    pub site: Site,
    pub console: Console,
}

impl Visit {
    /// Whether the session has a scope.
    pub fn may(&self, scope: Scope) -> bool {
        self.call.caller.scopes.contains(scope)
    }

    /// The frame of a page, with its heading and the link of the navigation that it stands under.
    pub fn frame(&self, h1: &str, section: Section) -> Frame {
        Frame::new(&self.console, h1)
            .asked_with(&self.call.headers, &self.site, &self.uri)
            .of_session(&self.session)
            .under(section)
    }

    /// Shows a page.
    pub fn show(&self, template: &impl Template) -> Result<Reply, Problem> {
        page::html(StatusCode::OK, template)
    }

    /// Shows a list that is live: asked again with the tag of what it shows, it answers 304 while `rows` are the same. The
    /// frame counts too, but not what differs each time, such as a form's id.
    pub fn show_list(&self, template: &impl Template, rows: &impl Serialize) -> Result<Reply, Problem> {
        let text = serde_json::to_string(&(&self.call.path, self.session.failing_count, rows));
        let text = text.map_err(|fault| Problem::internal(&fault))?;
        let sum = hex::encode(&digest(&SHA256, text.as_bytes()).as_ref()[..12]);
        let tag = HeaderValue::try_from(format!("\"{sum}\"")).map_err(|fault| Problem::internal(&fault))?;
        let reply = match has_etag(&self.call.headers, &tag) {
            true => Reply::empty(StatusCode::NOT_MODIFIED),
            false => self.show(template)?,
        };
        Ok(reply.with_header(ETAG, tag))
    }

    /// The query, to be finished: what was not taken of it is a fault.
    pub fn take_query(&mut self) -> Query {
        std::mem::replace(&mut self.call.query, Query::parse(None))
    }

    /// Reads the form that the request carries.
    pub async fn form(&mut self) -> Result<Form, Problem> {
        Form::read(&mut self.call.body).await
    }

    /// The call of the API that a form stands for: of the same caller, with `body`, and with the form's id as its
    /// `Idempotency-Key`. A form that comes twice is recognised by what was filled in.
    pub fn api_call(&self, form: &Form, body: &impl Serialize) -> Result<Call, Problem> {
        let json = serde_json::to_vec(body).map_err(|fault| Problem::internal(&fault))?;
        let id = form.id()?.to_string();
        let id = HeaderValue::try_from(id).map_err(|fault| Problem::internal(&fault))?;
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(HeaderName::from_static("idempotency-key"), id);
        Ok(Call {
            method: Method::POST,
            path: self.uri.path().to_owned(),
            parameters: self.call.parameters.clone(),
            query: Query::parse(None),
            authority: self.call.authority.clone(),
            is_https: self.call.is_https,
            headers,
            body: RequestBody::of_json(json, form.digest()),
            request_id: self.call.request_id.clone(),
            ip: self.call.ip,
            caller: self.call.caller.clone(),
        })
    }

    /// The call of the API that an upload stands for: of the same caller, with the body as it comes. It can be made once.
    pub fn upload_call(&mut self) -> Call {
        let mut headers = HeaderMap::with_capacity(3);
        if let Some(media_type) = self.call.headers.get(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, media_type.clone());
        }
        let nothing = RequestBody::of_json(Vec::new(), [0; 32]);
        Call {
            method: Method::POST,
            path: self.uri.path().to_owned(),
            parameters: Vec::new(),
            query: Query::parse(None),
            authority: self.call.authority.clone(),
            is_https: self.call.is_https,
            headers,
            body: std::mem::replace(&mut self.call.body, nothing),
            request_id: self.call.request_id.clone(),
            ip: self.call.ip,
            caller: self.call.caller.clone(),
        }
    }

    /// Leads on to a page of the console after a change, where `notice` is shown.
    pub fn see_other(&self, location: &str, notice: &str) -> Result<Reply, Problem> {
        let mut reply = see_other(location)?;
        cookies::set_notice(&mut reply, &self.site, notice);
        Ok(reply)
    }
}

/// 303 to a page of the console.
pub fn see_other(location: &str) -> Result<Reply, Problem> {
    let location = HeaderValue::try_from(location).map_err(|fault| Problem::internal(&fault))?;
    Ok(Reply::empty(StatusCode::SEE_OTHER).with_header(LOCATION, location))
}
