//! The column guide: what a file of an object may hold, from the object's own table.

use serde::Serialize;

use super::template;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::records::{Need, Object};

/// One column.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct GuideColumn {
    pub field: &'static str,
    pub label: &'static str,
    /// Such as `text`, `decimal` or `date`.
    pub r#type: &'static str,
    /// Whether every record has it; what is needed beyond that is said in `needs`.
    pub required: bool,
    /// Header names that are recognised, best first, without regard to case, accents, spaces and punctuation.
    pub headers: Vec<&'static str>,
    pub example: Option<&'static str>,
}

/// The guide of one object.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Guide {
    pub object: &'static str,
    /// What a record needs, in words.
    pub needs: String,
    /// The first of these fields that a record has is its key.
    pub key: Vec<&'static str>,
    pub columns: Vec<GuideColumn>,
}

/// `GET /v1/imports/objects/{object}`.
pub fn get_guide(call: Call) -> Result<Reply, Problem> {
    let object = object_in(&call)?;
    call.query.finish()?;
    let mut needs = String::new();
    object.push_need(&mut needs);
    let fields = object.fields.iter().map(|field| GuideColumn {
        field: field.name,
        label: field.label,
        r#type: field.kind.word(),
        required: field.need == Need::Always,
        headers: field.headers.iter().chain(field.last_resort).copied().collect(),
        example: Some(field.examples[0]).filter(|example| !example.is_empty()),
    });
    let helpers = object.helpers.iter().map(|helper| GuideColumn {
        field: helper.name,
        label: helper.label,
        r#type: "text",
        required: false,
        headers: helper.headers.to_vec(),
        example: None,
    });
    Reply::ok(&Guide {
        object: object.name,
        needs,
        key: object.key.iter().map(|key| key.field).collect(),
        columns: fields.chain(helpers).collect(),
    })
}

/// `GET /v1/imports/objects/{object}/template.csv`.
pub fn get_template(call: Call) -> Result<Reply, Problem> {
    let object = object_in(&call)?;
    call.query.finish()?;
    let mut text = String::new();
    template::push_template(object, &mut text);
    Ok(Reply::of(http::StatusCode::OK, "text/csv; charset=utf-8", text))
}

fn object_in(call: &Call) -> Result<&'static Object, Problem> {
    let name = call.parameters.first();
    name.and_then(|name| Object::named(name))
        .ok_or_else(Problem::not_found)
}
