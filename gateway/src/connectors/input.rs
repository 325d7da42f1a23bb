//! What a rule gives to an action: templates, compiled when the rule is saved, and the values that they become.

use super::address::Mailbox;
use super::definition::{Action, Input, InputKind};
use super::template::{
    MAX_PLACEHOLDERS, MAX_TEMPLATE_BYTES, RenderFault, Scope, Text, Tree, entities, plain,
};
use crate::http::fields::Faults;
use crate::http::json::Node;

/// What the templates of a rule may read.
pub const ROOTS: &[&str] = &["event", "data", "delivery", "now", "item"];

/// A rule's `input`, compiled against its action.
#[derive(Debug, Clone)]
pub struct Inputs(Vec<Given>);

#[derive(Debug, Clone)]
struct Given {
    name: String,
    said: Input,
    /// Absent where only the default is there.
    template: Option<Template>,
}

#[derive(Debug, Clone)]
enum Template {
    /// A string.
    Text(Text),
    /// A URL whose host is fixed.
    Url(Text),
    /// What is no string.
    Tree(Tree),
    /// Each makes one address, or a list of them where it is a single placeholder.
    Addresses(Vec<Text>),
    /// A value that is no template.
    Value(Node),
}

impl Inputs {
    /// Compiles an input. What is wrong with it is noted below `place`, such as `body.input`.
    pub fn compile(action: &Action, input: &Node, place: &str, faults: &mut Faults) -> Option<Self> {
        let Node::Object(members) = input else {
            faults.add(place, "invalid_type", "expected an object");
            return None;
        };
        let is_valid = faults.is_empty();
        let size = serde_json::to_string(input).map_or(usize::MAX, |text| text.len());
        if size > MAX_TEMPLATE_BYTES {
            faults.add(
                place,
                "too_long",
                format!("expected at most {MAX_TEMPLATE_BYTES} bytes"),
            );
            return None;
        }
        for (name, _) in members
            .iter()
            .filter(|(name, _)| !action.inputs.contains_key(name))
        {
            let shown: String = name.chars().take(100).collect();
            faults.add(
                format!("{place}.{shown}"),
                "unknown_field",
                "is no input of the action",
            );
        }
        let mut given = Vec::new();
        let mut placeholder_count = 0;
        for (name, said) in &action.inputs {
            let node = members.iter().find(|(key, _)| key == name).map(|(_, node)| node);
            let node = node.filter(|node| **node != Node::Null);
            if node.is_none() && said.required && said.default.is_none() {
                faults.add(format!("{place}.{name}"), "required", "is required");
            }
            let template = node.and_then(|node| match Template::compile(said.kind, node) {
                Ok(template) => Some(template),
                Err(fault) => {
                    faults.add(below(place, name, &fault.path), "invalid_template", fault.message);
                    None
                }
            });
            if let Some(template) = &template {
                placeholder_count += template.check(&format!("{place}.{name}"), faults);
            }
            given.push(Given {
                name: name.clone(),
                said: said.clone(),
                template,
            });
        }
        if placeholder_count > MAX_PLACEHOLDERS {
            let message = format!("expected at most {MAX_PLACEHOLDERS} placeholders");
            faults.add(place, "too_long", message);
        }
        (is_valid && faults.is_empty()).then_some(Self(given))
    }

    /// Inputs that are values and no templates.
    pub fn of_values(action: &Action, values: &Node) -> Self {
        let member = |name: &str| match values {
            Node::Object(members) => members
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, node)| node.clone()),
            _ => None,
        };
        let given = action.inputs.iter().map(|(name, said)| Given {
            name: name.clone(),
            said: said.clone(),
            template: member(name).map(Template::Value),
        });
        Self(given.collect())
    }

    /// The inputs that are URLs: name and what stands before the first value.
    pub fn urls(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|given| match &given.template {
            Some(Template::Url(text)) => Some((given.name.as_str(), text.fixed_start())),
            _ => None,
        })
    }

    /// The values, as the request's templates see them below `input`. A fault has a path such as `input.text`.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Node, RenderFault> {
        let mut members = Vec::with_capacity(self.0.len());
        for given in &self.0 {
            let value = given
                .render(scope)
                .map_err(|fault| fault.within(&given.name).within("input"))?;
            members.extend(value.map(|value| (given.name.clone(), value)));
        }
        Ok(Node::Object(members))
    }
}

impl Given {
    fn render(&self, scope: &Scope<'_>) -> Result<Option<Node>, RenderFault> {
        let value = match &self.template {
            Some(template) => template.render(&self.said, scope)?,
            None => None,
        };
        let value = value.filter(|value| !is_empty(value));
        let value = match (value, &self.said.default) {
            (None, Some(default)) => Some(Node::Text(default.clone())),
            (value, _) => value,
        };
        match &value {
            None if self.said.required => Err(RenderFault::new("is required, and absent or empty")),
            Some(Node::Text(text)) => match self.said.max_chars {
                Some(most) if text.chars().nth(most as usize).is_some() => {
                    Err(RenderFault::new(format!("is longer than {most} characters")))
                }
                _ => Ok(value),
            },
            _ => Ok(value),
        }
    }
}

impl Template {
    fn compile(kind: InputKind, node: &Node) -> Result<Self, RenderFault> {
        let text = |text: &str| Text::compile(text).map_err(RenderFault::new);
        Ok(match (kind, node) {
            (InputKind::Addresses, Node::Text(written)) => Self::Addresses(text(written)?.split_at_commas()),
            (InputKind::Addresses, Node::List(items)) => {
                let texts = items.iter().enumerate().map(|(at, item)| match item {
                    Node::Text(written) => text(written).map_err(|fault| fault.within(&at.to_string())),
                    _ => Err(RenderFault::new("expected an address").within(&at.to_string())),
                });
                Self::Addresses(texts.collect::<Result<_, _>>()?)
            }
            (InputKind::Url, Node::Text(written)) => {
                let url = text(written)?;
                url.check_open_url().map_err(RenderFault::new)?;
                Self::Url(url)
            }
            (InputKind::Url, _) => return Err(RenderFault::new("expected a URL")),
            (InputKind::Addresses, _) => return Err(RenderFault::new("expected addresses")),
            (_, Node::Text(written)) => Self::Text(text(written)?),
            (_, other) => Self::Tree(Tree::compile(other)?),
        })
    }

    /// Notes what a rule may not read; the count of placeholders.
    fn check(&self, place: &str, faults: &mut Faults) -> usize {
        let (paths, secrets): (Vec<&[String]>, Vec<&str>) = match self {
            Self::Text(text) | Self::Url(text) => (text.paths().collect(), text.secrets().collect()),
            Self::Tree(tree) => (tree.paths(), tree.secrets()),
            Self::Addresses(texts) => (
                texts.iter().flat_map(Text::paths).collect(),
                texts.iter().flat_map(Text::secrets).collect(),
            ),
            Self::Value(_) => return 0,
        };
        for path in paths.iter().filter(|path| !ROOTS.contains(&path[0].as_str())) {
            let known = ROOTS.join(", ");
            let message = format!("{} is unknown here; known are {known}", path[0]);
            faults.add(place, "invalid_template", message);
        }
        if !secrets.is_empty() {
            let message = "hmac_sha256_hex stands in replies of handshakes alone";
            faults.add(place, "invalid_template", message);
        }
        paths.len()
    }

    fn render(&self, said: &Input, scope: &Scope<'_>) -> Result<Option<Node>, RenderFault> {
        let escapes = said.escape.is_some();
        let as_text = |value: Node| match said.kind {
            InputKind::Json => value,
            _ if escapes => Node::Text(entities(&plain(&value))),
            _ => Node::Text(plain(&value).into_owned()),
        };
        match (self, said.kind) {
            (Self::Addresses(texts), _) => addresses(texts, scope),
            (Self::Url(text), _) => Ok(Some(Node::Text(text.url(scope)?))),
            (Self::Value(value), InputKind::Addresses) => mailboxes(value),
            (Self::Value(Node::Null), _) => Ok(None),
            (Self::Value(value), _) => Ok(Some(as_text(value.clone()))),
            (Self::Text(text), InputKind::Text) if escapes => Ok(text.escaped(scope)?.map(Node::Text)),
            (Self::Text(text), _) => Ok(text.value(scope)?.map(as_text)),
            (Self::Tree(tree), _) => Ok(tree.render(scope)?.map(as_text)),
        }
    }
}

/// Each text makes one mailbox; a list of values, one each.
fn addresses(texts: &[Text], scope: &Scope<'_>) -> Result<Option<Node>, RenderFault> {
    let mut found = Vec::new();
    for text in texts {
        match text.lone_value(scope) {
            Some(value) => {
                if let Some(value) = value?
                    && let Some(Node::List(items)) = mailboxes(&value)?
                {
                    found.extend(items);
                }
            }
            None => found.push(mailbox(&text.text(scope)?)?),
        }
    }
    Ok(Some(Node::List(found)))
}

fn mailboxes(value: &Node) -> Result<Option<Node>, RenderFault> {
    let items = match value {
        Node::Null => return Ok(None),
        Node::List(items) => items.iter().filter(|item| **item != Node::Null).collect(),
        Node::Text(text) if text.trim().is_empty() => return Ok(None),
        one => vec![one],
    };
    let found = items.into_iter().map(|item| mailbox(&plain(item)));
    Ok(Some(Node::List(found.collect::<Result<_, _>>()?)))
}

fn mailbox(text: &str) -> Result<Node, RenderFault> {
    let mailbox = Mailbox::parse(text).map_err(RenderFault::new)?;
    Ok(mailbox.node())
}

fn is_empty(value: &Node) -> bool {
    match value {
        Node::Null => true,
        Node::Text(text) => text.is_empty(),
        Node::List(items) => items.is_empty(),
        Node::Bool(_) | Node::Number(_) | Node::Object(_) => false,
    }
}

fn below(place: &str, name: &str, path: &str) -> String {
    match path {
        "" => format!("{place}.{name}"),
        path => format!("{place}.{name}.{path}"),
    }
}
