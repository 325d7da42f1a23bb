//! From a request to its reply: the checks in the contract's order, then the handler.
//!
//! 401, unknown route 404, 405, 403, 429; then the handler's own 413, 415, 400, 404, 422.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use http::header::{ALLOW, CONTENT_LENGTH, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use ipnet::IpNet;
use metrics::{Counter, Histogram, counter, histogram};

use super::{Route, Services, openapi};
use crate::audit::idempotency;
use crate::base::clock::Millis;
use crate::config::AccessLog;
use crate::feed::Freshness;
use crate::http::body::RequestBody;
use crate::http::call::Call;
use crate::http::connection::Answer;
use crate::http::fields::Faults;
use crate::http::problem::{Code, Problem};
use crate::http::query::Query;
use crate::http::reply::{Reply, ReplyBody, problem_response};
use crate::http::request_id::RequestId;
use crate::http::timed_io::Watch;
use crate::keys::authenticate::{authenticate, permit};
use crate::telemetry::names;

/// What the dispatcher is told beside the routes.
pub struct Settings {
    pub body_silence: Duration,
    pub request_timeout: Duration,
    pub trusted_proxies: Vec<IpNet>,
    pub access_log: AccessLog,
    pub freshness: Arc<Freshness>,
    pub stale_after: Duration,
}

/// Answers every request of the API's listener.
#[derive(Clone)]
pub struct Dispatcher(Arc<Inner>);

struct Inner {
    paths: matchit::Router<Arc<PathRoutes>>,
    services: Services,
    settings: Settings,
    unrouted: RouteMetrics,
}

/// The routes of one path.
struct PathRoutes {
    allow: String,
    routes: Vec<(Route, RouteMetrics)>,
}

/// A route's metrics, looked up once.
struct RouteMetrics {
    method: String,
    path: &'static str,
    seconds: OnceLock<Histogram>,
    by_status: [OnceLock<Counter>; STATUSES.len()],
}

const STATUSES: [u16; 18] = [
    200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503, 0,
];

/// What a request turned out to ask for.
enum Matched<'a> {
    Api(&'a PathRoutes, Vec<String>),
    Document(Reply),
    Unknown { is_api: bool },
}

impl Dispatcher {
    /// A dispatcher of these routes. Fails if two paths collide, which a test would show.
    pub fn new(
        routes: Vec<Route>,
        services: Services,
        settings: Settings,
    ) -> Result<Self, matchit::InsertError> {
        let mut by_path: HashMap<&'static str, Vec<Route>> = HashMap::new();
        for route in routes {
            by_path.entry(route.path).or_default().push(route);
        }
        let mut paths = matchit::Router::new();
        for (path, routes) in by_path {
            let routes: Vec<_> = routes
                .into_iter()
                .map(|route| {
                    let metrics = RouteMetrics::new(&route.method, path);
                    (route, metrics)
                })
                .collect();
            let allow = allow(&routes);
            paths.insert(path, Arc::new(PathRoutes { allow, routes }))?;
        }
        Ok(Self(Arc::new(Inner {
            paths,
            services,
            settings,
            unrouted: RouteMetrics::new(&Method::GET, "unrouted"),
        })))
    }
}

fn allow(routes: &[(Route, RouteMetrics)]) -> String {
    let mut methods: Vec<&str> = routes.iter().map(|(route, _)| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.join(", ")
}

impl Answer for Dispatcher {
    async fn answer(
        &self,
        peer: SocketAddr,
        watch: &Arc<Watch>,
        request: Request<Incoming>,
    ) -> Response<ReplyBody> {
        let under_way = watch.begin();
        let is_http2_head = request.version() == Version::HTTP_2 && request.method() == Method::HEAD;
        let is_ambiguous = watch.has_ambiguous_framing();
        let mut response = self.0.respond(peer, is_ambiguous, request).await;
        if is_http2_head {
            strip_body(&mut response);
        }
        response.map(|body| body.holding(under_way))
    }
}

/// hyper leaves the body out of HTTP/1.1's replies to HEAD by itself.
fn strip_body(response: &mut Response<ReplyBody>) {
    if let Some(length) = response.body().exact_len() {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    *response.body_mut() = ReplyBody::empty();
}

impl Inner {
    async fn respond(
        &self,
        peer: SocketAddr,
        is_ambiguous: bool,
        request: Request<Incoming>,
    ) -> Response<ReplyBody> {
        let started = Instant::now();
        let request_id = RequestId::of(request.headers());
        let path = request.uri().path().to_owned();
        let matched = self.find(&path);
        let method = request.method().clone();
        let ip = client_address(&request, peer, &self.settings.trusted_proxies);
        let (metrics, answered) = if is_ambiguous {
            let detail = "Content-Length and Transfer-Encoding contradict each other.";
            (
                &self.unrouted,
                Err(Problem::new(Code::BadRequest, detail).closing()),
            )
        } else {
            self.route(matched, ip, &request_id, request).await
        };
        let code = answered.as_ref().err().map(Problem::code);
        let response = match answered {
            Ok(reply) => reply.into_response(&request_id),
            Err(problem) => problem_response(problem, &request_id),
        };
        let status = response.status();
        metrics.note(status, started.elapsed());
        let is_logged = match self.settings.access_log {
            AccessLog::Off => false,
            AccessLog::Errors => status.as_u16() >= 500,
            AccessLog::All => true,
        };
        if is_logged {
            let (route, request_id) = (metrics.path, request_id.as_str());
            let code = code.map(Code::name);
            let micros = started.elapsed().as_micros();
            let status = status.as_u16();
            tracing::info!(%method, route, status, code, micros, %ip, request_id, "request");
        }
        response
    }

    fn find(&self, path: &str) -> Matched<'_> {
        match self.paths.at(path) {
            Ok(found) => {
                let parameters = found.params.iter().map(|(_, value)| value.to_owned());
                Matched::Api(found.value, parameters.collect())
            }
            Err(_) => match openapi::document(path) {
                Some(reply) => Matched::Document(reply),
                None => Matched::Unknown {
                    is_api: path == "/v1" || path.starts_with("/v1/"),
                },
            },
        }
    }

    async fn route<'a>(
        &'a self,
        matched: Matched<'a>,
        ip: IpAddr,
        request_id: &RequestId,
        request: Request<Incoming>,
    ) -> (&'a RouteMetrics, Result<Reply, Problem>) {
        let (routes, parameters) = match matched {
            Matched::Api(routes, parameters) => (routes, parameters),
            Matched::Document(reply) => {
                let answered = match *request.method() {
                    Method::GET | Method::HEAD => Ok(reply),
                    Method::OPTIONS => Ok(options("GET, HEAD, OPTIONS")),
                    _ => Err(Problem::method_not_allowed("GET, HEAD, OPTIONS")),
                };
                return (&self.unrouted, answered);
            }
            Matched::Unknown { is_api } => {
                let refused = is_api
                    .then(|| self.authenticated(&request))
                    .map(|known| known.map(drop));
                let problem = match refused {
                    Some(Err(problem)) => problem,
                    Some(Ok(())) | None => Problem::new(Code::NotFound, "There is no such route."),
                };
                return (&self.unrouted, Err(problem));
            }
        };
        if request.method() == Method::OPTIONS {
            return (&self.unrouted, Ok(options(&routes.allow)));
        }
        // HEAD is answered wherever GET is.
        let method = match *request.method() {
            Method::HEAD => &Method::GET,
            ref other => other,
        };
        let found = routes.routes.iter().find(|(route, _)| route.method == *method);
        let metrics = found.map_or(&self.unrouted, |(_, metrics)| metrics);
        let entry = match self.authenticated(&request) {
            Ok(entry) => entry,
            Err(problem) => return (metrics, Err(problem)),
        };
        let Some((route, metrics)) = found else {
            return (metrics, Err(Problem::method_not_allowed(&routes.allow)));
        };
        if let Err(problem) = permit(&entry, route.access.scopes(), ip) {
            return (metrics, Err(problem));
        }
        let call = self.call(request, parameters, request_id, ip, entry.key.caller.clone());
        let answered = match check_idempotency_key(&call) {
            Ok(()) => self.handle(route, call).await,
            Err(problem) => Err(problem),
        };
        (metrics, answered)
    }

    fn authenticated(&self, request: &Request<Incoming>) -> Result<Arc<crate::keys::cache::Entry>, Problem> {
        let settings = &self.settings;
        let entry = authenticate(&self.services.keys.cache, request.headers(), Millis::now());
        // Keys that the database has not confirmed for too long may have been revoked, or created, meanwhile.
        if settings.freshness.age() > settings.stale_after
            && !matches!(&entry, Err(problem) if problem.code() == Code::KeyMissing)
        {
            let detail = "The database is not available, so no key can be confirmed.";
            return Err(Problem::unavailable(detail));
        }
        entry
    }

    fn call(
        &self,
        request: Request<Incoming>,
        parameters: Vec<String>,
        request_id: &RequestId,
        ip: IpAddr,
        caller: Arc<crate::base::caller::Caller>,
    ) -> Call {
        let (head, incoming) = request.into_parts();
        let body = RequestBody::new(incoming, &head.headers, self.settings.body_silence);
        Call {
            method: head.method,
            path: head.uri.path().to_owned(),
            parameters,
            query: Query::parse(head.uri.query()),
            headers: head.headers,
            body,
            request_id: request_id.clone(),
            ip,
            caller,
        }
    }

    async fn handle(&self, route: &Route, call: Call) -> Result<Reply, Problem> {
        let handling = AssertUnwindSafe((route.handler)(&self.services, call)).catch_unwind();
        let limit = match route.streams {
            true => Duration::MAX,
            false => self.settings.request_timeout,
        };
        match tokio::time::timeout(limit, handling).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(Problem::internal(&"a handler panicked")),
            Err(_) => Err(Problem::unavailable(
                "It took too long; whether it was done is not known.",
            )),
        }
    }
}

fn check_idempotency_key(call: &Call) -> Result<(), Problem> {
    let mut faults = Faults::default();
    for value in call.headers.get_all("idempotency-key") {
        if call.method == Method::POST && !idempotency::is_valid_key(value) {
            let message = "expected 1 to 255 characters of visible ASCII";
            faults.add("header.idempotency-key", "invalid_length", message);
        }
    }
    faults.into_result()
}

fn options(allow: &str) -> Reply {
    let reply = Reply::no_content();
    match HeaderValue::from_str(allow) {
        Ok(value) => reply.with_header(ALLOW, value),
        Err(_) => reply,
    }
}

/// The last address that no trusted proxy vouches for (RFC 7239 speaks of the same chain).
fn client_address(request: &Request<Incoming>, peer: SocketAddr, trusted: &[IpNet]) -> IpAddr {
    let mut address = peer.ip().to_canonical();
    if trusted.is_empty() {
        return address;
    }
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let chain: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in chain.iter().rev() {
        if !is_trusted(address) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(before) => address = before.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

impl RouteMetrics {
    fn new(method: &Method, path: &'static str) -> Self {
        Self {
            method: method.to_string(),
            path,
            seconds: OnceLock::new(),
            by_status: [const { OnceLock::new() }; STATUSES.len()],
        }
    }

    fn note(&self, status: StatusCode, elapsed: Duration) {
        let code = status.as_u16();
        let at = STATUSES.iter().position(|&known| known == code);
        let at = at.unwrap_or(STATUSES.len() - 1);
        let counted = self.by_status[at].get_or_init(|| {
            counter!(names::HTTP_REQUESTS, "method" => self.method.clone(), "route" => self.path,
                     "status" => STATUSES[at].to_string())
        });
        counted.increment(1);
        let seconds = self
            .seconds
            .get_or_init(|| histogram!(names::HTTP_SECONDS, "route" => self.path));
        seconds.record(elapsed);
    }
}
