//! A job as the API shows it, and the request for one as the query gives it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::mode::Mode;
use super::read::header::mapping::Mapping;
use super::read::limits::Limits;
use super::read::opening::Reading;
use super::read::sniff::delimiter;
use super::read::sniff::encoding::{self, Stated};
use crate::base::clock::Millis;
use crate::base::id::{ImportId, KeyId};
use crate::http::form::part_head::MAX_FILENAME_CHARS;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::records::Object;
use crate::records::value::{DateOrder, DecimalSign, Spelling};

/// The parameters that a form may hold as fields before its file.
pub const FORM_FIELDS: [&str; 10] = [
    "object",
    "mode",
    "dry_run",
    "mapping",
    "encoding",
    "delimiter",
    "date_order",
    "decimal",
    "events",
    "match",
];

/// Whose API key started an import.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Starter {
    #[schema(value_type = String)]
    pub key_id: KeyId,
    pub name: String,
}

/// Why an import ended early.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct JobError {
    pub code: String,
    pub message: String,
}

/// An import.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Job {
    /// The import's number within the database.
    #[serde(skip)]
    pub number: i32,
    /// The file's own header line, as errors.csv has it.
    #[serde(skip)]
    pub columns: String,
    /// Whether its undo logs and failed rows are still kept (`imports.retention_days`).
    #[serde(skip)]
    pub keeps_traces: bool,
    #[schema(value_type = String)]
    pub id: ImportId,
    pub object: String,
    pub filename: Option<String>,
    /// `upsert`, `create` or `update`.
    pub mode: String,
    pub dry_run: bool,
    /// `summary` or `each`.
    pub events: String,
    /// `mdy`, `dmy`, or null where dates tell themselves.
    pub date_order: Option<String>,
    /// `running`, `completed`, `failed` or `cancelled`.
    pub status: String,
    pub rows_total: i64,
    pub rows_created: i64,
    pub rows_updated: i64,
    pub rows_unchanged: i64,
    pub rows_failed: i64,
    /// 0 to 1, of the rows that did not fail; 1 for none.
    pub success_rate: f64,
    /// Bytes of the body as sent.
    pub bytes_read: i64,
    pub bytes_total: Option<i64>,
    pub encoding: String,
    pub delimiter: String,
    /// Header → field; null where the column is left out. Null in a list where it is larger than 16 KiB.
    #[schema(value_type = Option<Object>)]
    pub mapping: Box<RawValue>,
    /// Null in a list where they are larger than 16 KiB.
    #[schema(value_type = Option<Vec<String>>)]
    pub unmapped_headers: Box<RawValue>,
    pub error: Option<JobError>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Millis>,
    pub created_by: Starter,
    /// What an undo did: `{removed, restored, left: [{id, reason}], at}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub undo: Option<Box<RawValue>>,
}

impl Job {
    /// Whether it goes on.
    pub fn is_running(&self) -> bool {
        self.status == "running"
    }

    /// Rows created, updated, unchanged and failed.
    pub const fn counts(&self) -> [i64; 4] {
        [
            self.rows_created,
            self.rows_updated,
            self.rows_unchanged,
            self.rows_failed,
        ]
    }

    /// Sets them, and what follows from them.
    pub fn set_counts(&mut self, counts: [i64; 4]) {
        let [created, updated, unchanged, failed] = counts;
        let total: i64 = counts.iter().sum();
        self.rows_created = created;
        self.rows_updated = updated;
        self.rows_unchanged = unchanged;
        self.rows_failed = failed;
        self.rows_total = total;
        self.success_rate = match total {
            0 => 1.0,
            _ => (total - failed) as f64 / total as f64,
        };
    }
}

/// What a client wants to have imported, and how.
pub struct ImportRequest {
    pub reading: Reading,
    pub filename: Option<String>,
    /// The place within [`Object::key`] of the field that `&match=` names.
    pub match_by: Option<usize>,
    pub is_dry: bool,
    /// Whether the upload is kept, to be imported after this dry run.
    pub keeps: bool,
    pub emits_each: bool,
    pub date_order: Option<&'static str>,
}

impl ImportRequest {
    /// Reads the query; all faults are named at once.
    pub fn read(mut query: Query, limits: Limits, charset: Option<&str>) -> Result<Self, Problem> {
        let object = query.read("object", |name| {
            Object::named(name).ok_or_else(|| "expected contact, account, deal or product".to_owned())
        });
        if object.is_none() && query.faults.is_empty() {
            query.fault(
                "object",
                "required",
                "is required: contact, account, deal or product",
            );
        }
        let filename = query.read("filename", |name| match name.chars().count() {
            1..=MAX_FILENAME_CHARS if !name.contains('\0') => Ok(name.to_owned()),
            _ => Err(format!("expected 1 to {MAX_FILENAME_CHARS} characters")),
        });
        let mode = query.read("mode", |name| {
            Mode::named(name).ok_or_else(|| "expected upsert, create or update".to_owned())
        });
        let is_dry = query.read("dry_run", |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("expected true or false".to_owned()),
        });
        let keeps = query.read("keep", |text| match text {
            "true" if is_dry == Some(true) => Ok(true),
            "true" => Err("goes with dry_run=true alone".to_owned()),
            "false" => Ok(false),
            _ => Err("expected true or false".to_owned()),
        });
        let emits_each = query.read("events", |text| match text {
            "each" => Ok(true),
            "summary" => Ok(false),
            _ => Err("expected summary or each".to_owned()),
        });
        let given = query.read("encoding", |label| {
            encoding::labelled(label).ok_or_else(|| "is no encoding of the WHATWG's list".to_owned())
        });
        let delimiter = query.read("delimiter", |name| {
            delimiter::named(name).ok_or_else(|| {
                "expected one ASCII character except quotes and line breaks, or tab".to_owned()
            })
        });
        let decimal = query.read("decimal", |name| {
            DecimalSign::named(name).ok_or_else(|| "expected , or .".to_owned())
        });
        let order = query.read("date_order", |name| {
            DateOrder::named(name).ok_or_else(|| "expected mdy or dmy".to_owned())
        });
        let mut mapping = None;
        if let Some(text) = query.take("mapping")
            && let Some(object) = object
        {
            match Mapping::parse(&text, object) {
                Ok(read) => mapping = Some(read),
                Err(faults) => {
                    for fault in faults {
                        query.fault("mapping", "invalid", fault.to_string());
                    }
                }
            }
        }
        let match_by = query.read("match", |name| {
            let fields: Vec<&str> = object
                .iter()
                .flat_map(|object| object.key)
                .map(|key| key.field)
                .collect();
            let place = fields.iter().position(|field| *field == name);
            place.ok_or_else(|| format!("expected a key field: {}", fields.join(" or ")))
        });
        let of_charset = charset.and_then(encoding::labelled);
        if charset.is_some() && of_charset.is_none() && given.is_none() {
            let faults = &mut query.faults;
            faults.add(
                "header.content-type",
                "invalid",
                "its charset is not an encoding of the WHATWG's list",
            );
        }
        query.finish()?;
        let Some(object) = object else {
            return Err(Problem::not_found());
        };
        Ok(Self {
            reading: Reading {
                object,
                mode: mode.unwrap_or_default(),
                mapping,
                encoding: match (given, of_charset) {
                    (Some(given), _) => Stated::Parameter(given),
                    (None, Some(given)) => Stated::Charset(given),
                    (None, None) => Stated::Nothing,
                },
                delimiter,
                spelling: Spelling::Loose {
                    decimal,
                    date_order: order,
                },
                limits,
            },
            filename,
            match_by,
            is_dry: is_dry.unwrap_or(false),
            keeps: keeps.unwrap_or(false),
            emits_each: emits_each.unwrap_or(false),
            date_order: order.map(|order| match order {
                DateOrder::MonthFirst => "mdy",
                DateOrder::DayFirst => "dmy",
            }),
        })
    }
}
