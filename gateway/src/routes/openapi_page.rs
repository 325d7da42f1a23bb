//! `/docs`: the routes as an HTML page, without a script and without requests to other hosts.

use std::fmt::Write;

use super::{Route, routes};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}code{font-family:ui-monospace,monospace}section{border-top:1px solid #ccc;\
padding:.5rem 0}h2{font-size:1.1rem;margin:.5rem 0}.m{display:inline-block;min-width:4.5rem;font-weight:700}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#8cf}}";

/// The page's HTML.
pub fn page() -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Sentinel Gateway API</title>\
         <style>{STYLE}</style></head><body><h1>Sentinel Gateway API</h1>\
         <p>Send <code>Authorization: Bearer sk_…</code> with every call. Errors are \
         <code>application/problem+json</code>. The whole description, with every field, is \
         <a href=\"/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>"
    );
    for route in routes() {
        section(&mut html, &route);
    }
    html.push_str("</body></html>\n");
    html
}

fn section(html: &mut String, route: &Route) {
    let scopes: Vec<&str> = route.access.scopes().iter().map(|scope| scope.name()).collect();
    let scope = match scopes.is_empty() {
        true => "any key".to_owned(),
        false => format!("<code>{}</code>", scopes.join(" ")),
    };
    // Everything here is text of ours; none of it holds markup.
    let _ = write!(
        html,
        "<section><h2><span class=\"m\">{}</span> <code>{}</code></h2><p>{}. Needs {scope}; replies {}.</p>",
        route.method, route.path, route.summary, route.status,
    );
    if let Some((body, is_required)) = &route.body {
        let word = if *is_required { "Body" } else { "Optional body" };
        let _ = write!(html, "<p>{word}: <code>{}</code></p>", body.name);
    }
    for (name, description) in route.query {
        let _ = write!(html, "<p><code>?{name}=</code> {description}</p>");
    }
    html.push_str("</section>");
}
