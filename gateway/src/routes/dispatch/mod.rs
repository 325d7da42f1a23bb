//! Answers a request: the checks in the contract's order, then the handler.
//!
//! 401, unknown route 404, 405, 403, 429; then the handler's own 413, 415, 400, 404, 422.

mod paths;
mod step;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request, Response, Version};
use hyper::body::Incoming;
use ipnet::IpNet;

use super::handling::{Limit, handle};
use super::pages::Pages;
use super::route_metrics::RouteMetrics;
use super::{Route, Services, openapi, unkeyed};
use crate::audit::idempotency;
use crate::base::clock::Millis;
use crate::config::AccessLog;
use crate::connections::authorize::callback;
use crate::feed::Freshness;
use crate::hoots::public;
use crate::http::body::RequestBody;
use crate::http::call::Call;
use crate::http::forwarded::{came_over_https, client_address};
use crate::http::framing;
use crate::http::problem::{Code, Problem};
use crate::http::query::Query;
use crate::http::reply::{Reply, ReplyBody, problem_response, strip_body};
use crate::http::request_id::RequestId;
use crate::http::transport::connection::{Answer, Ends};
use crate::http::transport::timed_io::Watch;
use crate::keys::authenticate::{authenticate, permit};
use crate::keys::entry::Entry;
use crate::sources::address;
use paths::PathRoutes;
use step::Step;

/// The dispatcher's settings.
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
pub struct Dispatcher {
    inner: Arc<Inner>,
    /// Requests to sources are answered, and browsers that come back from a vendor, and no others.
    is_for_sources_alone: bool,
}

struct Inner {
    paths: matchit::Router<Arc<PathRoutes>>,
    /// `None`: the console is switched off.
    pages: Option<Pages>,
    services: Services,
    settings: Settings,
    unrouted: Arc<RouteMetrics>,
    callback: Arc<RouteMetrics>,
    /// Of the public forms, in their order.
    public: [Arc<RouteMetrics>; public::Form::ALL.len()],
    /// Of requests to sources.
    intake: Arc<RouteMetrics>,
}

/// Who asks, and how.
#[derive(Clone, Copy)]
struct Client {
    ip: IpAddr,
    is_https: bool,
}

/// What a request turned out to ask for.
enum Matched<'a> {
    Api(&'a PathRoutes, Vec<String>),
    Document(Reply),
    /// What needs no key.
    Public(public::Form),
    /// A request to a source.
    Intake,
    /// Where vendors send people back to.
    Callback,
    Unknown {
        is_api: bool,
    },
}

impl Dispatcher {
    /// A dispatcher of these routes. Fails if two paths collide, which a test would show.
    pub fn new(
        routes: Vec<Route>,
        services: Services,
        settings: Settings,
    ) -> Result<Self, matchit::InsertError> {
        let paths = paths::by_path(routes)?;
        let pages = match services.console.settings.is_enabled {
            true => Some(Pages::new(services.clone(), settings.request_timeout)?),
            false => None,
        };
        let inner = Arc::new(Inner {
            paths,
            pages,
            services,
            settings,
            unrouted: Arc::new(RouteMetrics::new(&Method::GET, "unrouted")),
            callback: Arc::new(RouteMetrics::new(&Method::GET, callback::PATH)),
            public: public::Form::ALL.map(|form| Arc::new(RouteMetrics::new(&Method::GET, form.route()))),
            intake: Arc::new(RouteMetrics::new(&Method::POST, "/in/{token}")),
        });
        Ok(Self {
            inner,
            is_for_sources_alone: false,
        })
    }

    /// The same for a listener that serves what outside systems call, and nothing else.
    pub fn for_sources_alone(&self) -> Self {
        Self {
            is_for_sources_alone: true,
            ..self.clone()
        }
    }
}

impl Answer for Dispatcher {
    fn answer(
        &self,
        ends: Ends,
        watch: &Arc<Watch>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<ReplyBody>> + Send + use<> {
        let under_way = watch.begin();
        let is_http2_head = request.version() == Version::HTTP_2 && request.method() == Method::HEAD;
        let path = request.uri().path();
        let is_outside = address::split(path).is_some() || path == callback::PATH;
        let is_served = !self.is_for_sources_alone || is_outside;
        let framing = framing::check(&request, watch).and_then(|()| match is_served {
            true => Ok(()),
            false => Err(unknown_route()),
        });
        let inner = self.inner.clone();
        let (noted, step) = inner.begin(ends, framing, request);
        async move {
            let answered = inner.carry_on(noted.ip, step).await;
            let mut response = inner.end(&noted, answered);
            if is_http2_head {
                strip_body(&mut response);
            }
            response.map(|body| body.holding(under_way))
        }
    }
}

/// What is remembered of a request until its reply.
struct Noted {
    started: Instant,
    request_id: RequestId,
    method: Method,
    ip: IpAddr,
    metrics: Arc<RouteMetrics>,
}

impl Inner {
    fn begin(&self, ends: Ends, framing: Result<(), Problem>, request: Request<Incoming>) -> (Noted, Step) {
        let started = Instant::now();
        let request_id = RequestId::of(request.headers());
        let method = request.method().clone();
        let ip = client_address(request.headers(), ends.client, &self.settings.trusted_proxies);
        let (metrics, step) = match framing {
            Err(problem) => (&self.unrouted, Step::Answered(Err(problem))),
            Ok(()) if let Some(pages) = self.pages_of(request.uri().path()) => {
                let (metrics, handling) =
                    pages.answer(ends, ip, &request_id, self.settings.body_silence, request);
                (metrics.unwrap_or(&self.unrouted), Step::unbounded(handling))
            }
            Ok(()) => {
                let matched = self.find(request.uri().path());
                let client = Client {
                    ip,
                    is_https: ends.is_tls
                        || came_over_https(request.headers(), ends.client, &self.settings.trusted_proxies),
                };
                self.route(matched, client, &request_id, request)
            }
        };
        let noted = Noted {
            started,
            request_id,
            method,
            ip,
            metrics: metrics.clone(),
        };
        (noted, step)
    }

    async fn carry_on(&self, ip: IpAddr, step: Step) -> Result<Reply, Problem> {
        match step {
            Step::Answered(answered) => answered,
            Step::Refused(problem) => Err(self.services.keys.floods.refuse(ip, problem).await),
            Step::Handling {
                handling,
                is_unbounded,
            } => {
                let limit = Limit::of(is_unbounded, self.settings.request_timeout);
                handle(handling, limit).await
            }
        }
    }

    fn end(&self, noted: &Noted, answered: Result<Reply, Problem>) -> Response<ReplyBody> {
        if let Some(cause) = answered.as_ref().err().and_then(Problem::cause) {
            let (route, request_id) = (noted.metrics.path, noted.request_id.as_str());
            tracing::error!(method = %noted.method, route, request_id, cause, "request failed");
        }
        let code = answered.as_ref().err().map(Problem::code);
        let response = match answered {
            Ok(reply) => reply.into_response(&noted.request_id),
            Err(problem) => problem_response(problem, &noted.request_id),
        };
        let status = response.status();
        let elapsed = noted.started.elapsed();
        noted.metrics.note(status, elapsed);
        let is_logged = match self.settings.access_log {
            AccessLog::Off => false,
            AccessLog::Errors => status.as_u16() >= 500,
            AccessLog::All => true,
        };
        if is_logged {
            let (route, request_id) = (noted.metrics.path, noted.request_id.as_str());
            let (method, ip) = (&noted.method, noted.ip);
            let code = code.map(Code::name);
            let micros = elapsed.as_micros();
            let status = status.as_u16();
            tracing::info!(%method, route, status, code, micros, %ip, request_id, "request");
        }
        response
    }

    fn pages_of(&self, path: &str) -> Option<&Pages> {
        self.pages.as_ref().filter(|_| Pages::owns(path))
    }

    fn find(&self, path: &str) -> Matched<'_> {
        match self.paths.at(path) {
            Ok(found) => {
                let parameters = found.params.iter().map(|(_, value)| value.to_owned());
                Matched::Api(found.value, parameters.collect())
            }
            Err(_) if address::split(path).is_some() => Matched::Intake,
            Err(_) if path == callback::PATH => Matched::Callback,
            Err(_) => match (openapi::document(path), public::find(path)) {
                (Some(reply), _) => Matched::Document(reply),
                (None, Some((form, _))) => Matched::Public(form),
                (None, None) => Matched::Unknown {
                    is_api: path == "/v1" || path.starts_with("/v1/"),
                },
            },
        }
    }

    fn route<'a>(
        &'a self,
        matched: Matched<'a>,
        client: Client,
        request_id: &RequestId,
        request: Request<Incoming>,
    ) -> (&'a Arc<RouteMetrics>, Step) {
        let (routes, parameters) = match matched {
            Matched::Api(routes, parameters) => (routes, parameters),
            Matched::Public(form) => {
                let metrics = &self.public[form as usize];
                let shown = unkeyed::show(&self.services.hoots, form, client.ip, &request);
                return (metrics, Step::Answered(shown));
            }
            Matched::Intake => {
                let handling = unkeyed::take_in(
                    &self.services.sources,
                    client.ip,
                    request,
                    self.settings.body_silence,
                );
                // Its body and its commit have limits of their own.
                return (&self.intake, Step::unbounded(handling));
            }
            Matched::Callback => {
                let (connections, silence) = (&self.services.connections, self.settings.body_silence);
                let step = unkeyed::come_back(connections, client.ip, request_id, silence, request);
                return (&self.callback, Step::unbounded(step));
            }
            Matched::Document(reply) => {
                let answered = unkeyed::answer(request.method(), || Ok(reply));
                return (&self.unrouted, Step::Answered(answered));
            }
            Matched::Unknown { is_api } => {
                let refused = is_api.then(|| self.authenticated(&request)).and_then(Result::err);
                let unknown = || Step::Answered(Err(unknown_route()));
                return (&self.unrouted, refused.map_or_else(unknown, Step::Refused));
            }
        };
        if request.method() == Method::OPTIONS {
            return (
                &self.unrouted,
                Step::Answered(Ok(unkeyed::options(&routes.allow))),
            );
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
            Err(problem) => return (metrics, Step::Refused(problem)),
        };
        let Some((route, metrics)) = found else {
            let problem = Problem::method_not_allowed(&routes.allow);
            return (metrics, Step::Answered(Err(problem)));
        };
        if let Err(problem) = permit(&entry, route.access.scopes(), client.ip) {
            return (metrics, Step::Answered(Err(problem)));
        }
        let call = self.call(request, parameters, request_id, client, Arc::new(entry.caller()));
        let step = match idempotency::check_key(&call) {
            Ok(()) => Step::Handling {
                handling: (route.handler)(&self.services, call),
                is_unbounded: route.is_unbounded,
            },
            Err(problem) => Step::Answered(Err(problem)),
        };
        (metrics, step)
    }

    fn authenticated(&self, request: &Request<Incoming>) -> Result<Arc<Entry>, Problem> {
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
        client: Client,
        caller: Arc<crate::base::caller::Caller>,
    ) -> Call {
        let (head, incoming) = request.into_parts();
        let body = RequestBody::new(incoming, &head.headers, self.settings.body_silence);
        Call {
            method: head.method,
            path: head
                .uri
                .path_and_query()
                .map_or("/", http::uri::PathAndQuery::as_str)
                .to_owned(),
            parameters,
            query: Query::parse(head.uri.query()),
            authority: head.uri.authority().cloned(),
            is_https: client.is_https,
            headers: head.headers,
            body,
            request_id: request_id.clone(),
            ip: client.ip,
            caller,
        }
    }
}

fn unknown_route() -> Problem {
    Problem::new(Code::NotFound, "There is no such route.")
}
