//! From a request for a page to its reply: the checks in the contract's order, then the handler.
//!
//! 421, 403 from another site, session (303 or 401), unknown route 404, 405, 403; then the handler's own 404, 409, 422.
//! Whatever goes wrong is told by a page in the frame.

mod route;
mod sentry_table;
mod table;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};
use hyper::body::Incoming;

use super::handling::{Limit, handle};
use super::route_metrics::RouteMetrics;
use super::{Access, Handling, Services};
use crate::console::access::sessions;
use crate::console::frame::Frame;
use crate::console::site::Site;
use crate::console::{Arrival, assets, page};
use crate::http::body::RequestBody;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::http::request_id::RequestId;
use crate::http::transport::connection::Ends;
use route::{PageHandler, PageRoute};
use table::pages;

/// The routes of one path.
struct PathPages {
    allow: String,
    routes: Vec<(PageRoute, Arc<RouteMetrics>)>,
}

/// All pages.
pub(super) struct Pages {
    paths: matchit::Router<Arc<PathPages>>,
    services: Services,
    limit: Duration,
}

/// What a path and a method lead to.
enum Found {
    Asset,
    Favicon,
    Route {
        access: Access,
        handler: PageHandler,
        parameters: Vec<String>,
        is_unbounded: bool,
    },
    WrongMethod {
        allow: String,
    },
    Nothing,
}

impl Pages {
    /// All pages, answered within `limit`. Fails if two paths collide, which a test would show.
    pub(super) fn new(services: Services, limit: Duration) -> Result<Self, matchit::InsertError> {
        let mut by_path: HashMap<&'static str, Vec<PageRoute>> = HashMap::new();
        for route in pages() {
            by_path.entry(route.path).or_default().push(route);
        }
        let mut paths = matchit::Router::new();
        for (path, routes) in by_path {
            let mut methods: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
            if methods.contains(&"GET") {
                methods.push("HEAD");
            }
            methods.sort_unstable();
            let allow = methods.join(", ");
            let routes = routes.into_iter().map(|route| {
                let metrics = Arc::new(RouteMetrics::new(&route.method, path));
                (route, metrics)
            });
            let routes = routes.collect();
            paths.insert(path, Arc::new(PathPages { allow, routes }))?;
        }
        Ok(Self {
            paths,
            services,
            limit,
        })
    }

    /// Whether a path is the console's.
    pub(super) fn owns(path: &str) -> bool {
        path == "/integrations" || path.starts_with("/integrations/") || path == "/favicon.ico"
    }

    /// Answers a request; the metrics are those of its route, if it has one.
    pub(super) fn answer(
        &self,
        ends: Ends,
        ip: IpAddr,
        request_id: &RequestId,
        body_silence: Duration,
        request: Request<Incoming>,
    ) -> (Option<&Arc<RouteMetrics>>, Handling) {
        let (found, metrics) = self.find(request.method(), request.uri().path());
        let services = self.services.clone();
        let limit = self.limit;
        let request_id = request_id.clone();
        let answering = async move {
            let (head, incoming) = request.into_parts();
            let console = services.console.clone();
            let rules = &console.settings.hosts;
            let site = match Site::of(rules, &head.uri, &head.headers, &ends, ip) {
                Ok(site) => site,
                Err(problem) => {
                    let frame = Frame::new(&console, page::heading(&problem));
                    let reply = page::of_problem(problem, frame, &request_id);
                    return Ok(page::finish(reply, ends.is_tls));
                }
            };
            let body = RequestBody::new(incoming, &head.headers, body_silence);
            let arrival = Arrival {
                method: head.method,
                uri: head.uri,
                headers: head.headers,
                body,
                request_id,
                ip,
                site,
                console,
            };
            Ok(serve(&services, arrival, found, limit).await)
        };
        (metrics, Box::pin(answering))
    }

    fn find(&self, method: &Method, path: &str) -> (Found, Option<&Arc<RouteMetrics>>) {
        if path == "/favicon.ico" {
            return (Found::Favicon, None);
        }
        if path.starts_with("/integrations/assets/") {
            return (Found::Asset, None);
        }
        let Ok(at) = self.paths.at(path) else {
            return (Found::Nothing, None);
        };
        let asked = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        match at.value.routes.iter().find(|(route, _)| route.method == *asked) {
            None => {
                let allow = at.value.allow.clone();
                (Found::WrongMethod { allow }, None)
            }
            Some((route, metrics)) => {
                let found = Found::Route {
                    access: route.access,
                    handler: route.handler,
                    is_unbounded: route.is_unbounded,
                    parameters: at.params.iter().map(|(_, value)| value.to_owned()).collect(),
                };
                (found, Some(metrics))
            }
        }
    }
}

async fn serve(services: &Services, arrival: Arrival, found: Found, limit: Duration) -> Reply {
    let told = Told::of(&arrival);
    let is_https = arrival.site.is_https;
    let mut frame = arrival.frame("");
    let answered = route(services, arrival, found, limit, &mut frame).await;
    let mut reply = match answered {
        Ok(reply) => reply,
        Err(problem) => told.page(problem, frame),
    };
    told.take_notice(&mut reply);
    page::finish(reply, is_https)
}

async fn route(
    services: &Services,
    arrival: Arrival,
    found: Found,
    limit: Duration,
    frame: &mut Frame,
) -> Result<Reply, Problem> {
    let rules = &services.console.settings.hosts;
    arrival
        .site
        .check_origin(rules, &arrival.method, &arrival.headers, arrival.has_cookie())?;
    let is_read = matches!(arrival.method, Method::GET | Method::HEAD);
    match &found {
        Found::Asset if is_read => return assets::find(arrival.uri.path(), &arrival.headers),
        Found::Favicon if is_read => return assets::favicon(&arrival.headers),
        Found::Asset | Found::Favicon => return Err(Problem::method_not_allowed("GET, HEAD")),
        Found::Route {
            handler: PageHandler::Public(handler),
            ..
        } => return handle(handler(services, arrival), Limit::After(limit)).await,
        _ => {}
    }
    let session = match services.console.session(arrival.session_secret(), &arrival).await {
        Ok(Some(session)) => session,
        Ok(None) if is_read => return sessions::ask_to_sign_in(&arrival),
        Ok(None) => return Err(sessions::missing()),
        Err(problem) => {
            // Whoever was signed in a moment ago still is, and is told so.
            if let Some(session) = services.console.remembered(&arrival) {
                frame.admit(&session);
            }
            return Err(problem);
        }
    };
    frame.admit(&session);
    let (access, handler, parameters, limit) = match found {
        Found::Route {
            access,
            handler: PageHandler::SignedIn(handler),
            parameters,
            is_unbounded,
        } => (access, handler, parameters, Limit::of(is_unbounded, limit)),
        Found::WrongMethod { allow } => return Err(Problem::method_not_allowed(&allow)),
        _ => return Err(Problem::new(Code::NotFound, "There is no such page.")),
    };
    let lacking = access
        .scopes()
        .iter()
        .filter(|&&scope| !session.caller.scopes.contains(scope));
    let lacking: Vec<&str> = lacking.map(|scope| scope.name()).collect();
    if !lacking.is_empty() {
        return Err(Problem::scope_missing(&lacking.join(" ")));
    }
    let visit = arrival.with_session(session, parameters);
    handle(handler(services, visit), limit).await
}

/// What is remembered of a request until its reply.
struct Told {
    method: Method,
    path: String,
    request_id: RequestId,
    site: Site,
    has_notice: bool,
}

impl Told {
    fn of(arrival: &Arrival) -> Self {
        Self {
            method: arrival.method.clone(),
            path: arrival.uri.path().to_owned(),
            request_id: arrival.request_id.clone(),
            site: arrival.site.clone(),
            has_notice: arrival.notice().is_some(),
        }
    }

    /// A page that tells of a problem, whose cause goes to the log.
    fn page(&self, problem: Problem, mut frame: Frame) -> Reply {
        let request_id = self.request_id.as_str();
        if let Some(cause) = problem.cause() {
            let (method, path) = (&self.method, self.path.as_str());
            tracing::error!(%method, path, request_id, cause, "request failed");
        }
        page::heading(&problem).clone_into(&mut frame.h1);
        page::of_problem(problem, frame, &self.request_id)
    }

    /// A notice that a page has shown is not shown again.
    fn take_notice(&self, reply: &mut Reply) {
        if self.has_notice && page::is_html(reply) {
            page::forget_notice(reply, &self.site);
        }
    }
}
