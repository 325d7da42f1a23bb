//! HTML as a browser parses it.

use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// A parsed page.
pub struct Page(RcDom);

/// An element of a page.
#[derive(Clone)]
pub struct Element(Handle);

impl Page {
    /// Parses a document.
    pub fn parse(text: &str) -> Self {
        Self(parse_document(RcDom::default(), ParseOpts::default()).one(text))
    }

    /// Every element, in the order of the document.
    pub fn elements(&self) -> Vec<Element> {
        let mut found = Vec::new();
        collect(&self.0.document, &mut found);
        found
    }

    /// The elements with that tag.
    pub fn all(&self, tag: &str) -> Vec<Element> {
        let elements = self.elements().into_iter();
        elements.filter(|element| element.tag() == tag).collect()
    }

    /// The elements with that attribute.
    pub fn having(&self, name: &str) -> Vec<Element> {
        let elements = self.elements().into_iter();
        elements
            .filter(|element| element.attribute(name).is_some())
            .collect()
    }

    /// The only element with that tag.
    #[track_caller]
    pub fn one(&self, tag: &str) -> Element {
        let found = self.all(tag);
        assert_eq!(found.len(), 1, "<{tag}>");
        found[0].clone()
    }

    /// The element with that id.
    pub fn by_id(&self, id: &str) -> Option<Element> {
        let mut elements = self.having("id").into_iter();
        elements.find(|element| element.attribute("id").as_deref() == Some(id))
    }

    /// The link, button or the like that says exactly this.
    pub fn saying(&self, tag: &str, text: &str) -> Option<Element> {
        self.all(tag).into_iter().find(|element| element.text() == text)
    }

    /// What stands in the element with that role.
    pub fn role(&self, role: &str) -> Option<String> {
        let mut elements = self.having("role").into_iter();
        elements
            .find(|element| element.attribute("role").as_deref() == Some(role))
            .map(|element| element.text())
    }

    /// What stands beside a term of a list of facts.
    pub fn fact(&self, name: &str) -> Option<String> {
        let rows = self.all("div").into_iter().map(|row| row.inside());
        let mut rows = rows.filter(|inside| {
            let term = inside.first();
            term.is_some_and(|term| term.tag() == "dt" && term.text() == name)
        });
        rows.next()?.get(1).map(Element::text)
    }

    /// The value of a hidden field or a text box.
    pub fn value(&self, name: &str) -> Option<String> {
        let mut inputs = self.all("input").into_iter();
        inputs
            .find(|input| input.attribute("name").as_deref() == Some(name))?
            .attribute("value")
    }
}

fn collect(node: &Handle, found: &mut Vec<Element>) {
    if matches!(node.data, NodeData::Element { .. }) {
        found.push(Element(node.clone()));
    }
    for child in node.children.borrow().iter() {
        collect(child, found);
    }
}

impl Element {
    /// The tag's name.
    pub fn tag(&self) -> String {
        match &self.0.data {
            NodeData::Element { name, .. } => name.local.to_string(),
            _ => String::new(),
        }
    }

    /// An attribute's value.
    pub fn attribute(&self, wanted: &str) -> Option<String> {
        let attributes = self.attributes();
        attributes
            .into_iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value)
    }

    /// All attributes.
    pub fn attributes(&self) -> Vec<(String, String)> {
        match &self.0.data {
            NodeData::Element { attrs, .. } => {
                let attrs = attrs.borrow();
                let pairs = attrs
                    .iter()
                    .map(|attr| (attr.name.local.to_string(), attr.value.to_string()));
                pairs.collect()
            }
            _ => Vec::new(),
        }
    }

    /// The elements inside.
    pub fn inside(&self) -> Vec<Element> {
        let mut found = Vec::new();
        collect(&self.0, &mut found);
        found.remove(0);
        found
    }

    /// The text inside, with white space folded as browsers fold it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        gather(&self.0, &mut text);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn gather(node: &Handle, text: &mut String) {
    if let NodeData::Text { contents } = &node.data {
        text.push_str(&contents.borrow());
    }
    for child in node.children.borrow().iter() {
        gather(child, text);
    }
}
