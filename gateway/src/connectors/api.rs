//! Handlers of `/v1/connectors`.

use super::catalogue::Catalogue;
use super::shown::ShownConnector;
use crate::base::page::DEFAULT_LIMIT;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

/// `GET /v1/connectors`: in the order of their names.
pub fn list_connectors(catalogue: &Catalogue, mut call: Call) -> Result<Reply, Problem> {
    let page = call.query.page(DEFAULT_LIMIT, "connectors".to_owned());
    call.query.finish()?;
    let all = catalogue.all();
    let after = page.after.as_deref().unwrap_or_default();
    let rest = all.iter().filter(|(name, _)| name.as_str() > after);
    let rows = rest
        .take(page.limit as usize + 1)
        .map(|(_, connector)| ShownConnector::of(connector));
    Reply::ok(&page.listing(rows.collect(), |row| row.name.clone()))
}

/// `GET /v1/connectors/{name}`.
pub fn get_connector(catalogue: &Catalogue, call: Call) -> Result<Reply, Problem> {
    let name = call.parameters.first().ok_or_else(Problem::not_found)?;
    let connector = catalogue.get(name).ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    Reply::ok(&ShownConnector::of(&connector))
}
