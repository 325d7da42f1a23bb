//! Connectors as sources use them: definitions, compiled once, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use parking_lot::Mutex;

use crate::connectors::catalogue::{self, Catalogue};
use crate::connectors::definition::{Condition, HandshakeToken, Reply, SecretField, Source, Verify};
use crate::connectors::template::Text;
use crate::connectors::verify::{Unsupported, Verifier};
use crate::http::json::Node;

/// The options of a source, every one that has a value.
pub type Options = BTreeMap<String, String>;

/// Why no source can be made of a connector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("{0} sends nothing: it has actions alone")]
    NoSource(String),
    #[error("{0} needs a subscription that the gateway keeps at the vendor, which it cannot make yet")]
    Subscription(String),
    #[error("{0} needs its changes to be fetched, which the gateway cannot do yet")]
    Pull(String),
    #[error("{0} verifies in a way that the gateway cannot judge yet: {1}")]
    Verify(String, Unsupported),
}

/// A handshake, compiled.
#[derive(Debug)]
pub struct Handshake {
    pub method: Method,
    pub when: Condition,
    /// Whether the body must be read to tell.
    pub reads_body: bool,
    pub before_verify: bool,
    pub token: Option<HandshakeToken>,
    pub captures: Option<HandshakeToken>,
    pub reply: Reply,
}

/// A rule for requests that make no event, compiled.
#[derive(Debug)]
pub struct Skip {
    pub when: Condition,
    /// The option that switches it off.
    pub option: Option<String>,
}

/// A connector that a source can be of.
#[derive(Debug)]
pub struct Connector {
    /// The definition that it was compiled of.
    pub of: Arc<catalogue::Connector>,
    pub name: Arc<str>,
    pub title: String,
    pub source: Source,
    pub handshakes: Vec<Handshake>,
    pub skips: Vec<Skip>,
    /// Beside POST, in capitals; HEAD is answered everywhere.
    methods: Vec<Method>,
    /// In lower case.
    pub keep_headers: Vec<String>,
}

impl Connector {
    /// What a definition's source is; why it is none.
    pub fn compile(of: Arc<catalogue::Connector>) -> Result<Self, Unfit> {
        let definition = &of.definition;
        let title = || definition.title.clone();
        let source = definition
            .source
            .clone()
            .ok_or_else(|| Unfit::NoSource(title()))?;
        if source.subscription.is_some() {
            return Err(Unfit::Subscription(title()));
        }
        if source.pull.is_some() {
            return Err(Unfit::Pull(title()));
        }
        let mut handshakes = Vec::with_capacity(source.handshake.len());
        for written in &source.handshake {
            handshakes.push(Handshake {
                method: method_of(written.method.as_deref()),
                when: written.when.clone(),
                reads_body: reads_body(written.when.written()) || written.captures.is_some(),
                before_verify: written.before_verify,
                token: written.token.clone(),
                captures: written.captures.clone(),
                reply: written.reply.clone(),
            });
        }
        let mut skips = Vec::with_capacity(source.skip.len());
        for written in &source.skip {
            skips.push(Skip {
                when: written.when.clone(),
                option: written.option.clone(),
            });
        }
        let mut methods = vec![Method::POST];
        let named = source.methods.iter().map(|name| method_of(Some(name)));
        for method in named.chain(handshakes.iter().map(|handshake| handshake.method.clone())) {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        Ok(Self {
            of: of.clone(),
            name: definition.name.as_str().into(),
            title: title(),
            handshakes,
            skips,
            methods,
            keep_headers: source
                .keep_headers
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            source,
        })
    }

    /// Whether requests of this method are taken.
    pub fn takes(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// The value of `Allow`.
    pub fn allow(&self) -> String {
        let mut names: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        names.push("HEAD");
        names.sort_unstable();
        names.join(", ")
    }

    /// How the requests of a source with these options are verified.
    pub fn verify(&self, options: &Options) -> Verify {
        self.source.verify_for(options)
    }

    /// What judges the requests of a source with these options.
    pub fn verifier(&self, options: &Options) -> Result<Verifier, Unfit> {
        let username = options.get("username").map(String::as_str);
        Verifier::compile(&self.verify(options), username)
            .map_err(|fault| Unfit::Verify(self.title.clone(), fault))
    }

    /// By what the repeats of a source with these options are known; what is wrong with the option that says so.
    pub fn dedupe(&self, options: &Options) -> Result<Dedupe, String> {
        let Some(option) = &self.source.dedupe_option else {
            return Ok(Dedupe::Parts(self.source.dedupe.clone()));
        };
        match options.get(option).map(String::as_str) {
            None => Ok(Dedupe::Never),
            Some("body") => Ok(Dedupe::Parts(Vec::new())),
            Some(path) => {
                let text = Text::compile(&format!("{{{{{path}}}}}"))?;
                let is_plain = !path.contains(['{', '}', '|', '?']);
                let roots = ["body", "headers", "query", "item", "text"];
                let is_seen = text.paths().all(|path| roots.contains(&path[0].as_str()));
                match is_plain && is_seen {
                    true => Ok(Dedupe::Parts(vec![text])),
                    false => Err(format!(
                        "expected body, or a path that begins with one of {}",
                        roots.join(", ")
                    )),
                }
            }
        }
    }

    /// The secret of this name.
    pub fn secret(&self, name: &str) -> Option<&SecretField> {
        self.source.secrets.get(name)
    }

    /// Names of secrets any one of which verifies requests of a source with these options.
    pub fn verifying(&self, options: &Options) -> Vec<String> {
        let verify = self.verify(options);
        let rows = std::iter::once(&verify).chain(&verify.also);
        rows.filter_map(|row| row.key.clone()).collect()
    }
}

/// By what a repeat is known.
#[derive(Debug, Clone)]
pub enum Dedupe {
    /// It is not.
    Never,
    /// The values of these, where there are such; else the SHA-256 of the body or of the item.
    Parts(Vec<Text>),
}

fn method_of(name: Option<&str>) -> Method {
    let name = name.unwrap_or("POST").to_ascii_uppercase();
    Method::from_bytes(name.as_bytes()).unwrap_or(Method::POST)
}

/// Whether a condition looks into the body. Conditions may stand in others: what names it anywhere does.
fn reads_body(condition: &Node) -> bool {
    match condition {
        Node::List(items) => items.iter().any(reads_body),
        Node::Object(members) => members
            .iter()
            .any(|(name, inner)| name == "body" || name.starts_with("body.") || reads_body(inner)),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => false,
    }
}

/// All connectors by name, each compiled when it is first asked for.
pub struct Connectors {
    catalogue: Arc<Catalogue>,
    compiled: Mutex<BTreeMap<String, Compiled>>,
}

/// What was compiled, and of which definition: a reload of the catalogue brings others.
struct Compiled {
    of: Arc<catalogue::Connector>,
    connector: Result<Arc<Connector>, Unfit>,
}

impl Connectors {
    /// The connectors of a catalogue.
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            catalogue,
            compiled: Mutex::default(),
        }
    }

    /// The connector of this name, or why none is a source; `None` if there is none.
    pub fn find(&self, name: &str) -> Option<Result<Arc<Connector>, Unfit>> {
        let found = self.catalogue.get(name)?;
        let mut compiled = self.compiled.lock();
        if let Some(known) = compiled.get(name)
            && Arc::ptr_eq(&known.of, &found)
        {
            return Some(known.connector.clone());
        }
        let connector = Connector::compile(found.clone()).map(Arc::new);
        let fresh = Compiled {
            of: found,
            connector: connector.clone(),
        };
        compiled.insert(name.to_owned(), fresh);
        Some(connector)
    }

    /// All definitions as they are now: another reload, another value.
    pub fn edition(&self) -> Arc<catalogue::Connectors> {
        self.catalogue.all()
    }
}
