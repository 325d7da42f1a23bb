//! Where a sign-in leads: pages of the console alone.

use url::Url;

/// The console's first page.
pub const HOME: &str = "/integrations";

/// The path and query of a page under `/integrations`; anything else, such as another site, is `None`.
pub fn parse(text: &str) -> Option<String> {
    // Browsers resolve what they get by the same rules (backslashes, dots, tabs), so what comes out is what they would
    // open.
    let base = Url::parse("http://console.invalid/").ok()?;
    let url = base.join(text).ok().filter(|_| text.starts_with('/'))?;
    let is_ours = url.origin() == base.origin() && url.username().is_empty() && url.password().is_none();
    let path = url.path();
    let is_page = path == HOME || path.starts_with("/integrations/");
    let is_entrance = path.starts_with("/integrations/sign-");
    (is_ours && is_page && !is_entrance).then(|| match url.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_console_alone() {
        for (text, expected) in [
            ("/integrations", "/integrations"),
            (
                "/integrations/webhooks?status=failed&x=%0d",
                "/integrations/webhooks?status=failed&x=%0d",
            ),
            ("/integrations/a/../b", "/integrations/b"),
            (
                "/integrations/a\r\nSet-Cookie: b=c",
                "/integrations/aSet-Cookie:%20b=c",
            ),
        ] {
            assert_eq!(parse(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "integrations",
            "//evil.example/integrations",
            "/\\evil.example/integrations",
            "https://evil.example/integrations",
            "/integrationsx",
            "/integrations/../v1/whoami",
            "/integrations/%2e%2e/docs",
            "/v1/whoami",
            "\t//evil.example",
            "javascript:alert(1)",
            "/integrations/sign-in?next=/integrations/sign-in",
            "/integrations/sign-out",
            "/\t/evil.example/integrations",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
