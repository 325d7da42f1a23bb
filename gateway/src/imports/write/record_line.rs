//! A record as a line of COPY, in the order of the columns that [`columns_of`] names.

use uuid::Uuid;

use super::chunk::Chunk;
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::db::Lines;
use crate::records::model::record::Record;
use crate::records::store::extra_text;
use crate::records::{Object, search};

/// The columns of a line, as the statements name them.
pub fn columns_of(object: &Object) -> String {
    let fields: Vec<&str> = object.fields.iter().map(|field| field.name).collect();
    let fields = fields.join(", ");
    format!("workspace_id, id, import_no, updated_at, key, words, extra, {fields}")
}

/// Writes one line after another in the same buffers.
pub struct RecordLine {
    object: &'static Object,
    workspace: WorkspaceId,
    words: String,
    extra: String,
}

/// What a line begins with, beside the workspace.
struct Head<'h> {
    id: Uuid,
    import_no: Option<i32>,
    updated_at: Millis,
    key: Option<&'h str>,
}

impl RecordLine {
    pub fn new(object: &'static Object, workspace: WorkspaceId) -> Self {
        Self {
            object,
            workspace,
            words: String::new(),
            extra: String::new(),
        }
    }

    /// Writes a record.
    pub fn put_record(&mut self, lines: &mut Lines, record: &Record, import_no: Option<i32>) {
        let key = record.natural_key();
        self.extra = extra_text(&record.extra).unwrap_or_default();
        let head = Head {
            id: record.id,
            import_no,
            updated_at: record.updated_at,
            key: key.as_deref(),
        };
        self.put(lines, &head, |index| record.value(index));
    }

    /// Writes the new record that one row of a chunk makes.
    pub fn put_row(&mut self, lines: &mut Lines, chunk: &Chunk, row: usize, import_no: i32, now: Millis) {
        let fields = self.object.fields;
        self.extra.clear();
        push_extra(chunk.extras(row), &mut self.extra);
        let head = Head {
            id: chunk.rows[row].id,
            import_no: Some(import_no),
            updated_at: now,
            key: chunk.natural_key(row),
        };
        self.put(lines, &head, |index| {
            chunk.value(row, index).or(fields[index].default)
        });
    }

    fn put<'v>(&mut self, lines: &mut Lines, head: &Head<'_>, value: impl Fn(usize) -> Option<&'v str>) {
        lines.put_plain(format_args!("{}\t{}", self.workspace.0, head.id.hyphenated()));
        match head.import_no {
            Some(import_no) => lines.put_plain(format_args!("{import_no}")),
            None => lines.put(None),
        }
        lines.put_plain(format_args!("{}", head.updated_at));
        lines.put(head.key);
        self.words.clear();
        search::push_vector(self.object, self.workspace, &value, &mut self.words);
        lines.put(Some(&self.words));
        lines.put(Some(self.extra.as_str()).filter(|extra| !extra.is_empty()));
        for index in 0..self.object.fields.len() {
            lines.put(value(index));
        }
        lines.end();
    }
}

/// Appends `extra` as it is stored; nothing where it is empty.
fn push_extra<'e>(extras: impl Iterator<Item = (&'e str, &'e str)>, out: &mut String) {
    // A name that comes twice keeps its last text, as in a record.
    let mut members: Vec<(&str, &str)> = extras.collect();
    if members.is_empty() {
        return;
    }
    members.sort_by_key(|(name, _)| *name);
    out.push('{');
    for (index, (name, text)) in members.iter().enumerate() {
        if members.get(index + 1).is_some_and(|(next, _)| next == name) {
            continue;
        }
        if out.len() > 1 {
            out.push(',');
        }
        push_json_text(name, out);
        out.push(':');
        push_json_text(text, out);
    }
    out.push('}');
}

fn push_json_text(text: &str, out: &mut String) {
    let needs_no_escape = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(needs_no_escape) {
        out.push('"');
        out.push_str(text);
        out.push('"');
        return;
    }
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
