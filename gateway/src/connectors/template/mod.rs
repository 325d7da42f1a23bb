//! Templates: values put into requests and replies, never into text that is parsed afterwards.
//!
//! A template is a tree, read before any value comes near; its strings may hold placeholders `{{path | filter}}`. A
//! placeholder is evaluated to a value, and the serializer of its position writes that value: JSON, an encoded part of a
//! URL, a header. So no value can add a member, a segment, a parameter or a header, and what a value holds is never read
//! as a template again. All is pure: no clock, no I/O.

mod filter;
mod lookup;
mod placeholder;
mod position;
mod scope;
mod text;
mod tree;
mod value;

pub use position::{encode_pairs, header_value};
pub use scope::{RenderFault, Scope};
pub use text::{Text, entities};
pub use tree::{Tree, node_of};
pub use value::plain;

/// Most bytes of one template.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;
/// Most placeholders of one template.
pub const MAX_PLACEHOLDERS: usize = 200;
/// Most bytes that a template renders to.
pub const MAX_RENDERED_BYTES: usize = 1024 * 1024;
/// Most items of a `$each`.
pub const MAX_ITEMS: usize = 100;

#[cfg(test)]
mod tests;
