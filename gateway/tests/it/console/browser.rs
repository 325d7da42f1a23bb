//! What a browser does: it keeps cookies, says where a request comes from, and follows redirects.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::Method;
use stage::{Api, Desk, Reply};

use super::html::Page;

/// A browser with its cookies.
#[derive(Clone)]
pub struct Browser {
    pub api: Api,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    /// A browser that knows nobody.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            api: Api::new(address, None),
            cookies: BTreeMap::new(),
        }
    }

    /// A browser where somebody signed in with a desk's key.
    pub async fn at(desk: &Desk) -> Self {
        Self::with_key(desk.api.address, desk.api.key.as_deref().expect("a key")).await
    }

    /// A browser where somebody signed in with a key.
    pub async fn with_key(address: SocketAddr, key: &str) -> Self {
        let mut browser = Self::new(address);
        let reply = browser.post("/integrations/sign-in", &[("key", key)]).await;
        assert_eq!(reply.status, 303, "{:?}", reply.text());
        browser
    }

    /// Begins a request as a page of the console sends it.
    pub fn call(&self, method: Method, path: &str) -> stage::api::Call {
        let call = self.api.call(method, path);
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        match pairs.collect::<Vec<_>>().join("; ") {
            none if none.is_empty() => call,
            cookies => call.header("cookie", cookies),
        }
    }

    /// GET, as a link does it.
    pub async fn get(&mut self, path: &str) -> Reply {
        let reply = self.call(Method::GET, path).send().await;
        self.keep(&reply);
        reply
    }

    /// POST, as a form of the same page does it.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let call = self
            .call(Method::POST, path)
            .header("sec-fetch-site", "same-origin");
        let reply = call
            .body("application/x-www-form-urlencoded", encode(fields))
            .send()
            .await;
        self.keep(&reply);
        reply
    }

    /// A page that must be there.
    pub async fn page(&mut self, path: &str) -> Page {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        Page::parse(reply.text())
    }

    /// The page that a redirect leads to.
    pub async fn follow(&mut self, reply: &Reply) -> Page {
        assert_eq!(reply.status, 303, "{}", reply.text());
        let location = reply.header("location").expect("a location").to_owned();
        self.page(&location).await
    }

    fn keep(&mut self, reply: &Reply) {
        for line in reply.headers.get_all("set-cookie") {
            let line = line.to_str().expect("text");
            let (name, rest) = line.split_once('=').expect("a cookie");
            let value = rest.split(';').next().expect("a value");
            match line.contains("Max-Age=0") {
                true => drop(self.cookies.remove(name)),
                false => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
    }
}

/// A form's body.
pub fn encode(fields: &[(&str, &str)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields);
    text.finish()
}
