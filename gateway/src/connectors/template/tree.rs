//! A JSON value whose strings may hold placeholders.

use serde::Deserialize;

use super::placeholder::Placeholder;
use super::scope::{RenderFault, Scope};
use super::text::Text;
use super::{MAX_ITEMS, MAX_PLACEHOLDERS};
use crate::http::json::{MAX_DEPTH, Node};

/// A tree, compiled.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct Tree(Branch);

#[derive(Debug, Clone, PartialEq)]
enum Branch {
    Fixed(Node),
    Text(Text),
    List(Vec<Branch>),
    Object(Vec<(String, Branch)>),
    /// Within a list: one `body` for each item at `items`.
    Each {
        items: Placeholder,
        body: Box<Branch>,
    },
}

impl TryFrom<toml::Value> for Tree {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        Self::compile(&node_of(value)?).map_err(|fault| fault.to_string())
    }
}

impl Tree {
    /// Compiles a tree; a fault has its path.
    pub fn compile(node: &Node) -> Result<Self, RenderFault> {
        let tree = Self(branch(node, false, 0)?);
        let mut count = 0;
        tree.0.visit(&mut |_| count += 1);
        match count > MAX_PLACEHOLDERS {
            true => Err(RenderFault::new(format!(
                "has more than {MAX_PLACEHOLDERS} placeholders"
            ))),
            false => Ok(tree),
        }
    }

    /// The paths that are read.
    pub fn paths(&self) -> Vec<&[String]> {
        let mut paths = Vec::new();
        self.0.visit(&mut |hole| paths.extend(hole.paths()));
        paths
    }

    /// The names of the secrets that are used.
    pub fn secrets(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.0.visit(&mut |hole| names.extend(hole.secrets()));
        names
    }

    /// The value. A member or an item whose only placeholder is absent is left out.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Option<Node>, RenderFault> {
        self.0.render(scope)
    }
}

impl Branch {
    fn visit<'b>(&'b self, see: &mut impl FnMut(&'b Placeholder)) {
        match self {
            Self::Fixed(_) => {}
            Self::Text(text) => text.holes().for_each(see),
            Self::List(items) => items.iter().for_each(|item| item.visit(see)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.visit(see)),
            Self::Each { items, body } => {
                see(items);
                body.visit(see);
            }
        }
    }

    fn render(&self, scope: &Scope<'_>) -> Result<Option<Node>, RenderFault> {
        match self {
            Self::Fixed(node) => {
                scope.spend(8)?;
                Ok(Some(node.clone()))
            }
            Self::Text(text) => text.value(scope),
            Self::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (at, item) in items.iter().enumerate() {
                    item.render_into(scope, &mut list)
                        .map_err(|fault| fault.within(&at.to_string()))?;
                }
                Ok(Some(Node::List(list)))
            }
            Self::Object(members) => {
                let mut object = Vec::with_capacity(members.len());
                for (key, member) in members {
                    scope.spend(key.len() + 4)?;
                    let value = member.render(scope).map_err(|fault| fault.within(key))?;
                    object.extend(value.map(|value| (key.clone(), value)));
                }
                Ok(Some(Node::Object(object)))
            }
            // Stands in lists alone, where `render_into` takes it.
            Self::Each { .. } => Ok(None),
        }
    }

    fn render_into(&self, scope: &Scope<'_>, list: &mut Vec<Node>) -> Result<(), RenderFault> {
        let Self::Each { items, body } = self else {
            list.extend(self.render(scope)?);
            return Ok(());
        };
        let found = items.evaluate(scope)?;
        let items = match found.as_deref() {
            None => return Ok(()),
            Some(Node::List(items)) => items,
            Some(_) => return Err(RenderFault::new("$each needs a list").within("$each")),
        };
        if items.len() > MAX_ITEMS {
            return Err(RenderFault::new(format!("a list of more than {MAX_ITEMS} items")).within("$each"));
        }
        for item in items {
            let inner = scope.with_root("item", item);
            let rendered = body.render(&inner).map_err(|fault| fault.within("$do"))?;
            let left = inner.bytes_left();
            list.extend(rendered);
            scope.settle(left);
        }
        Ok(())
    }
}

fn branch(node: &Node, in_list: bool, depth: usize) -> Result<Branch, RenderFault> {
    if depth > MAX_DEPTH {
        return Err(RenderFault::new(format!("nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(match node {
        Node::Null | Node::Bool(_) | Node::Number(_) => Branch::Fixed(node.clone()),
        Node::Text(text) => Branch::Text(Text::compile(text).map_err(RenderFault::new)?),
        Node::List(items) => {
            let items = items.iter().enumerate().map(|(at, item)| {
                branch(item, true, depth + 1).map_err(|fault| fault.within(&at.to_string()))
            });
            Branch::List(items.collect::<Result<_, _>>()?)
        }
        Node::Object(members) if members.iter().any(|(key, _)| key == "$each" || key == "$do") => {
            each(members, in_list, depth)?
        }
        Node::Object(members) => {
            let members = members.iter().map(|(key, member)| {
                let member = branch(member, false, depth + 1).map_err(|fault| fault.within(key))?;
                Ok((key.clone(), member))
            });
            Branch::Object(members.collect::<Result<_, _>>()?)
        }
    })
}

fn each(members: &[(String, Node)], in_list: bool, depth: usize) -> Result<Branch, RenderFault> {
    if !in_list {
        return Err(RenderFault::new("$each stands in lists alone"));
    }
    let member = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, node)| node);
    let (Some(Node::Text(items)), Some(body), 2) = (member("$each"), member("$do"), members.len()) else {
        return Err(RenderFault::new(
            "takes $each with a path and $do with a tree, and nothing else",
        ));
    };
    let items = Placeholder::compile(items).map_err(|fault| RenderFault::new(fault).within("$each"))?;
    let body = branch(body, false, depth + 1).map_err(|fault| fault.within("$do"))?;
    let body = Box::new(body);
    Ok(Branch::Each { items, body })
}

/// A value of TOML as one of JSON.
pub fn node_of(value: toml::Value) -> Result<Node, String> {
    Ok(match value {
        toml::Value::String(text) => Node::Text(text),
        toml::Value::Integer(number) => Node::Number(number.to_string()),
        toml::Value::Float(number) if number.is_finite() => Node::Number(number.to_string()),
        toml::Value::Float(_) => return Err("a number that JSON does not have".into()),
        toml::Value::Boolean(flag) => Node::Bool(flag),
        toml::Value::Datetime(moment) => Node::Text(moment.to_string()),
        toml::Value::Array(items) => Node::List(items.into_iter().map(node_of).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => {
            let members = table.into_iter().map(|(key, value)| Ok((key, node_of(value)?)));
            Node::Object(members.collect::<Result<_, String>>()?)
        }
    })
}
