//! How OpenAPI describes the objects: made from the same tables that serve requests.

use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};

use super::{Field, Kind, Object};

/// The schema of a record, as replies have it or as requests send it.
pub fn of(object: &Object, is_reply: bool) -> RefOr<Schema> {
    let mut builder = ObjectBuilder::new();
    if is_reply {
        builder = builder.property("id", text(None)).required("id");
    }
    for field in object.fields {
        builder = builder.property(field.name, of_field(field, is_reply));
    }
    let member = match is_reply {
        true => ObjectBuilder::new().schema_type(Type::String),
        false => ObjectBuilder::new().schema_type(nullable(Type::String)),
    };
    let extra = ObjectBuilder::new()
        .description(Some("Columns that no field took."))
        .additional_properties(Some(AdditionalProperties::RefOr(member.build().into())));
    builder = builder.property("extra", extra);
    if is_reply {
        for name in ["created_at", "updated_at"] {
            builder = builder
                .property(name, text(Some(KnownFormat::DateTime)))
                .required(name);
        }
    }
    builder.build().into()
}

/// The schema's name.
pub fn name(object: &Object, is_reply: bool) -> String {
    let mut name = object.name.to_owned();
    name[..1].make_ascii_uppercase();
    match is_reply {
        true => name,
        false => format!("Write{name}"),
    }
}

fn text(format: Option<KnownFormat>) -> ObjectBuilder {
    let builder = ObjectBuilder::new().schema_type(Type::String);
    match format {
        Some(format) => builder.format(Some(SchemaFormat::KnownFormat(format))),
        None => builder,
    }
}

fn nullable(kind: Type) -> SchemaType {
    SchemaType::from_iter([kind, Type::Null])
}

fn of_field(field: &Field, is_reply: bool) -> ObjectBuilder {
    let builder = ObjectBuilder::new().description(Some(field.label));
    let builder = match field.kind {
        Kind::Integer => builder.schema_type(nullable(Type::Integer)),
        Kind::Boolean => builder.schema_type(nullable(Type::Boolean)),
        Kind::Decimal if !is_reply => {
            builder.schema_type(SchemaType::from_iter([Type::String, Type::Number, Type::Null]))
        }
        Kind::Date => builder
            .schema_type(nullable(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))),
        Kind::Choice(words) => {
            let words = words.iter().map(|word| Some(*word)).chain([None]);
            builder
                .schema_type(nullable(Type::String))
                .enum_values(Some(words))
        }
        _ => builder.schema_type(nullable(Type::String)),
    };
    builder.max_length(field.kind.max_chars())
}
