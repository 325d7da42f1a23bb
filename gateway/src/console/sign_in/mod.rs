//! Signing in with a key or a link, signing out, and the choice of how times and tables are shown.

use askama::Template;
use http::{HeaderMap, Method, StatusCode};

use super::access::sessions::Opening;
use super::alert::Alert;
use super::form::Form;
use super::frame::Frame;
use super::{Arrival, Visit, cookies, destination, page, visit};
use crate::audit::Work;
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;

/// A key, and more than any key has, so that the page can say what is wrong with it.
const MAX_NEXT_CHARS: usize = 2_000;

#[derive(Template)]
#[template(path = "sign_in/sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    /// A link's code, to be redeemed by the button.
    code: Option<String>,
    alert: Option<Alert>,
    is_exposed: bool,
}

/// `GET /integrations/sign-in`: asks for a key, or redeems the code of a link.
pub async fn show_sign_in(arrival: Arrival) -> Result<Reply, Problem> {
    let mut query = arrival.query();
    let next = query.take("next").unwrap_or_default();
    let code = query.take("code").filter(|code| !code.is_empty());
    match code {
        Some(code) if is_navigation(&arrival.method, &arrival.headers) => redeem(arrival, &code, &next).await,
        code => show(&arrival, next, code, None),
    }
}

/// `POST /integrations/sign-in`.
pub async fn sign_in(mut arrival: Arrival) -> Result<Reply, Problem> {
    let form = Form::read(&mut arrival.body).await?;
    let next = form.text("next").to_owned();
    if let Some(code) = form.filled("code") {
        return redeem(arrival, code, &next).await;
    }
    let console = arrival.console.clone();
    let entry = match console.check_key(form.text("key"), &arrival).await {
        Ok(entry) => entry,
        Err(problem) => return refuse(&arrival, next, problem),
    };
    let caller = entry.caller();
    let mut client = console.db.client().await?;
    let actor = super::access::sessions::actor(&caller, &arrival.request_id, arrival.ip);
    let work = Work::begin_as(&mut client, caller.workspace, actor).await?;
    let opening = Opening {
        entry: &entry,
        scopes: caller.scopes,
        link: None,
        hours: f64::INFINITY,
    };
    let ticket = console.open_session(work, &opening, &arrival).await?;
    enter(&arrival, ticket.expose(), destination::parse(&next))
}

/// A key that is no good: the page again, never with the key.
fn refuse(arrival: &Arrival, next: String, mut problem: Problem) -> Result<Reply, Problem> {
    let status = match problem.code() {
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::KeyInvalid | Code::KeyExpired | Code::KeyRevoked | Code::IpNotAllowed => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        _ => return Err(problem),
    };
    let alert = Alert::about("key", "API key", &problem);
    let mut reply = show(arrival, next, None, Some((status, alert)))?;
    if let Some(wait) = problem.take_headers().remove(http::header::RETRY_AFTER) {
        reply.headers_mut().insert(http::header::RETRY_AFTER, wait);
    }
    Ok(reply)
}

async fn redeem(arrival: Arrival, code: &str, next: &str) -> Result<Reply, Problem> {
    let console = arrival.console.clone();
    let next = destination::parse(next);
    match console.redeem(code, &arrival).await {
        Ok((ticket, of_link)) => enter(&arrival, ticket.expose(), next.or(of_link)),
        // Who has a session already needs no link: the back button, or a second click on it.
        Err(problem) if problem.code() == Code::LinkEnded => {
            match console.session(arrival.session_secret(), &arrival).await? {
                Some(_) => visit::see_other(next.as_deref().unwrap_or(destination::HOME)),
                None => Err(problem),
            }
        }
        Err(problem) => Err(problem),
    }
}

fn enter(arrival: &Arrival, secret: &str, next: Option<String>) -> Result<Reply, Problem> {
    let mut reply = visit::see_other(next.as_deref().unwrap_or(destination::HOME))?;
    cookies::set_session(&mut reply, &arrival.site, secret);
    Ok(reply)
}

fn show(
    arrival: &Arrival,
    next: String,
    code: Option<String>,
    fault: Option<(StatusCode, Alert)>,
) -> Result<Reply, Problem> {
    let (status, alert) = fault.map_or((StatusCode::OK, None), |(status, alert)| (status, Some(alert)));
    let sign_in = SignInPage {
        frame: arrival.frame("Sign in"),
        next: next.chars().take(MAX_NEXT_CHARS).collect(),
        code,
        alert,
        is_exposed: !arrival.site.is_https && !arrival.site.is_local,
    };
    page::html(status, &sign_in)
}

/// Whether somebody opens the page to look at it. What previews links or fetches ahead must not spend one, and a page of
/// another site must not sign anybody in.
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let says = |name: &str, words: &[&str]| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| words.contains(&value))
    };
    method == Method::GET
        && says("sec-fetch-mode", &["navigate"])
        && says("sec-fetch-dest", &["document"])
        && says("sec-fetch-site", &["none", "same-origin"])
        && !headers.contains_key("sec-purpose")
        && !headers.contains_key("purpose")
}

/// `POST /integrations/sign-out`.
pub async fn sign_out(visit: Visit) -> Result<Reply, Problem> {
    visit.console.sign_out(&visit.call, &visit.session.digest).await?;
    let mut reply = visit::see_other("/integrations/sign-in")?;
    cookies::clear_session(&mut reply, &visit.site);
    cookies::set_notice(&mut reply, &visit.site, "You are signed out.");
    Ok(reply)
}

/// `POST /integrations/time-zone`: UTC or the reader's own.
pub async fn choose_time_zone(mut arrival: Arrival) -> Result<Reply, Problem> {
    let form = Form::read(&mut arrival.body).await?;
    let back = destination::parse(form.text("back"));
    let mut reply = visit::see_other(back.as_deref().unwrap_or(destination::HOME))?;
    cookies::set_zone(&mut reply, form.text("zone") == "local");
    Ok(reply)
}

/// `POST /integrations/rows`: wide or dense.
pub async fn choose_rows(mut arrival: Arrival) -> Result<Reply, Problem> {
    let form = Form::read(&mut arrival.body).await?;
    let back = destination::parse(form.text("back"));
    let mut reply = visit::see_other(back.as_deref().unwrap_or(destination::HOME))?;
    cookies::set_rows(&mut reply, form.text("rows") == "dense");
    Ok(reply)
}
