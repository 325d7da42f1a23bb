//! The routes by their paths.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::Route;
use super::super::route_metrics::RouteMetrics;

/// The routes of one path.
pub(super) struct PathRoutes {
    /// The value of `Allow`.
    pub(super) allow: String,
    pub(super) routes: Vec<(Route, Arc<RouteMetrics>)>,
}

/// All routes by path. Fails if two paths collide.
pub(super) fn by_path(routes: Vec<Route>) -> Result<matchit::Router<Arc<PathRoutes>>, matchit::InsertError> {
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
                (route, Arc::new(metrics))
            })
            .collect();
        let allow = allow(&routes);
        paths.insert(path, Arc::new(PathRoutes { allow, routes }))?;
    }
    Ok(paths)
}

fn allow(routes: &[(Route, Arc<RouteMetrics>)]) -> String {
    let mut methods: Vec<&str> = routes.iter().map(|(route, _)| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.join(", ")
}
