//! A record's cells → a row whose values are in stored form, or all that is wrong with it.

mod buffers;
mod full_name;
mod shopify;
mod woocommerce;

use std::fmt;
use std::sync::Arc;

use super::csv::raw_record::{Cells, RecordFault};
use super::header::known_names::Feeds;
use super::header::{ColumnUse, HeaderMap};
use crate::imports::causes::{Cause, RowCode};
use crate::imports::mode::Mode;
use crate::records::Object;
use crate::records::objects::object::HelperRole;
use crate::records::value::{self, Spelling, ValueFault, unseen};
use buffers::{RowBuffers, Slot};
use shopify::ProductGroup;

/// What one cell's several values are joined by (Google Contacts).
const VALUE_JOINT: &str = " ::: ";

/// Builds one row after another in the same buffers.
pub struct RowBuilder {
    header: Arc<HeaderMap>,
    mode: Mode,
    spelling: Spelling,
    encoding: String,
    /// The places of the key's fields.
    key: Vec<usize>,
    first_name: Option<usize>,
    last_name: Option<usize>,
    name: Option<usize>,
    joint: memchr::memmem::Finder<'static>,
    group: ProductGroup,
    buffers: RowBuffers,
}

/// What became of a record.
#[derive(Debug)]
pub enum Outcome<'b> {
    /// A row to apply.
    Row(Row<'b>),
    /// A row that has nothing to apply (Shopify's further images of a product).
    Unchanged,
    /// All that is wrong with it.
    Failed(Faults<'b>),
}

/// What is wrong with a row, borrowed from the builder until the next is built. Shown as the report says it.
#[derive(Clone, Copy)]
pub struct Faults<'b>(&'b RowBuffers);

impl<'b> Faults<'b> {
    /// All that is wrong, joined by `; `.
    pub fn report(self) -> &'b str {
        &self.0.faults
    }

    /// The same as causes, each with the value at fault.
    pub fn causes(self) -> impl Iterator<Item = (Cause, Option<&'b str>)> {
        let causes = self.0.causes.iter();
        causes.map(move |(cause, span)| (*cause, span.clone().and_then(|span| self.0.text.get(span))))
    }
}

impl fmt::Display for Faults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.report())
    }
}

impl fmt::Debug for Faults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.report(), f)
    }
}

/// A row, borrowed from the builder until the next is built.
pub struct Row<'b> {
    header: &'b HeaderMap,
    buffers: &'b RowBuffers,
    is_complete: bool,
}

impl<'b> Row<'b> {
    /// The stored form of field `index` of the object's table; `None` where the file says nothing of it.
    pub fn value(&self, index: usize) -> Option<&'b str> {
        self.buffers.value(index)
    }

    /// What no field took, in the file's order within each kind: header and text.
    pub fn extras(&self) -> impl Iterator<Item = (&'b str, &'b str)> + use<'b> {
        let (header, buffers) = (self.header, self.buffers);
        let extras = buffers.extras.iter();
        extras.map(move |(column, range)| {
            (
                header.columns[*column].name.as_str(),
                &buffers.text[range.clone()],
            )
        })
    }

    /// Whether a new record of it would have what the object needs. False only if the row has a key, so
    /// that it may update a record; if there is none, it has failed.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.header.object.fields.iter().enumerate();
        let values = fields.filter_map(|(index, field)| Some((field.name, self.value(index)?)));
        f.debug_map().entries(values).entries(self.extras()).finish()
    }
}

impl RowBuilder {
    /// A builder of rows under `header`; `encoding` is the name that faults call it by.
    pub fn new(header: HeaderMap, mode: Mode, spelling: Spelling, encoding: String) -> RowBuilder {
        let object = header.object;
        let key = object.key.iter();
        RowBuilder {
            mode,
            spelling,
            encoding,
            key: key.filter_map(|key| object.field_index(key.field)).collect(),
            first_name: object.field_index("first_name"),
            last_name: object.field_index("last_name"),
            name: object.field_index("name"),
            joint: memchr::memmem::Finder::new(VALUE_JOINT),
            group: ProductGroup::default(),
            buffers: RowBuffers::of(object.fields.len()),
            header: Arc::new(header),
        }
    }

    /// The columns.
    pub fn header(&self) -> &HeaderMap {
        &self.header
    }

    /// The columns, to be kept beside a row that is borrowed from the builder.
    pub fn shared_header(&self) -> Arc<HeaderMap> {
        self.header.clone()
    }

    /// Renames the encoding, which may be found out only after the header.
    pub fn set_encoding(&mut self, encoding: String) {
        self.encoding = encoding;
    }

    /// The outcome of a record that the reader found no row in.
    pub fn fail(&mut self, fault: RecordFault) -> Outcome<'_> {
        self.buffers.clear();
        let column = fault
            .column()
            .and_then(|column| self.header.columns.get(column - 1));
        let heading = column
            .filter(|column| column.is_named)
            .map(|column| column.name.as_str());
        let field = match column.map(|column| column.used_as) {
            Some(ColumnUse::Feeds(Feeds::Field(index))) => Some(self.header.object.fields[index].name),
            _ => None,
        };
        let found = fault.found_cells().map(|count| format!("{count} cells"));
        let cause = Cause::of_field(fault.code(), field);
        self.buffers.begin_fault(cause, found.as_deref());
        fault.describe(heading, &self.encoding, &mut self.buffers.faults);
        Outcome::Failed(Faults(&self.buffers))
    }

    /// The outcome of a record's cells.
    pub fn build(&mut self, cells: Cells<'_>) -> Outcome<'_> {
        self.buffers.clear();
        if shopify::is_of_images_only(&self.header, cells) {
            return Outcome::Unchanged;
        }
        let mut filling = Filling {
            header: &self.header,
            spelling: self.spelling,
            cells,
            has_joint: self.joint.find(cells.text().as_bytes()).is_some(),
            buffers: &mut self.buffers,
        };
        for index in 0..self.header.object.fields.len() {
            filling.take_field(index);
        }
        if let (Some(first), Some(last)) = (self.first_name, self.last_name) {
            filling.take_full_name(first, last);
        }
        filling.keep_extras();
        if let Some(name) = self.name {
            self.group
                .lend_title(&self.header, cells, name, &mut self.buffers);
        }
        let is_complete = self.check_whole();
        if !self.buffers.faults.is_empty() {
            return Outcome::Failed(Faults(&self.buffers));
        }
        Outcome::Row(Row {
            header: &self.header,
            buffers: &self.buffers,
            is_complete,
        })
    }

    /// What only the row as a whole can lack; whether it would do as a new record.
    fn check_whole(&mut self) -> bool {
        let object: &Object = self.header.object;
        let buffers = &mut self.buffers;
        // A value that is at fault is not missing as well.
        let is_complete = object.is_satisfied_by(|index| buffers.slots[index] != Slot::Absent);
        let mut key = self.key.iter();
        let has_key = key.any(|index| buffers.value(*index).is_some());
        let mut key = self.key.iter();
        let is_key_at_fault = key.any(|index| buffers.slots[*index] == Slot::Faulty);
        if self.mode == Mode::Update && !has_key && !is_key_at_fault {
            buffers.begin_fault(Cause::of_row(RowCode::KeyNotGiven), None);
            let names = object.key.iter().map(|key| key.field);
            buffers.faults.push_str("no key is given to find the record by (");
            for (index, name) in names.enumerate() {
                buffers.faults.push_str(if index > 0 { " or " } else { "" });
                buffers.faults.push_str(name);
            }
            buffers.faults.push(')');
        }
        let must_be_complete = match self.mode {
            Mode::Create => true,
            Mode::Upsert => !has_key,
            Mode::Update => false,
        };
        if must_be_complete && !is_complete {
            buffers.begin_fault(Cause::incomplete(object.needs_words), None);
            object.push_need(&mut buffers.faults);
        }
        is_complete
    }
}

/// One row being filled from its cells.
struct Filling<'f> {
    header: &'f HeaderMap,
    spelling: Spelling,
    cells: Cells<'f>,
    /// Whether any cell holds several values.
    has_joint: bool,
    buffers: &'f mut RowBuffers,
}

impl<'f> Filling<'f> {
    fn cell(&self, column: usize) -> &'f str {
        self.header.cell(self.cells, column)
    }

    /// The value out of the best column that has one; the others' go to `extra`.
    fn take_field(&mut self, index: usize) {
        let field = &self.header.object.fields[index];
        for column in self.header.sources(index) {
            let cell = self.cell(*column);
            if cell.is_empty() {
                continue;
            }
            if self.buffers.slots[index] != Slot::Absent {
                self.buffers.push_extra(*column, cell);
                continue;
            }
            let (value, is_kept) = self.first_value(*column, cell);
            let value = woocommerce::spelled(&self.header.columns[*column], field.kind, value);
            let from = self.buffers.text.len();
            match value::parse(field.kind, value, self.spelling, &mut self.buffers.text) {
                Ok(()) => self.buffers.slots[index] = Slot::Value(from..self.buffers.text.len()),
                Err(fault) if field.is_tolerant || fault == ValueFault::SharedHost => {
                    if !is_kept {
                        self.buffers.push_extra(*column, cell);
                    }
                }
                Err(fault) => {
                    self.buffers.slots[index] = Slot::Faulty;
                    let heading = &self.header.columns[*column].name;
                    self.buffers.push_value_fault(field.name, heading, value, fault);
                }
            }
        }
    }

    /// The first of several values that a cell joins, and whether all of them were put in `extra`, as
    /// they then are.
    fn first_value(&mut self, column: usize, cell: &'f str) -> (&'f str, bool) {
        if !self.has_joint || !cell.contains(VALUE_JOINT) {
            return (cell, false);
        }
        self.buffers.push_extra(column, cell);
        let mut values = cell.split(VALUE_JOINT).map(unseen::trim);
        let first = values.find(|value| !value.is_empty());
        (first.unwrap_or(cell), true)
    }

    fn take_full_name(&mut self, first: usize, last: usize) {
        let mut is_taken = false;
        for column in self.header.full_name() {
            let cell = self.cell(*column);
            if cell.is_empty() {
                continue;
            }
            if is_taken {
                self.buffers.push_extra(*column, cell);
                continue;
            }
            is_taken = true;
            let (value, _) = self.first_value(*column, cell);
            let has_column = |index: usize| !self.header.sources(index).is_empty();
            let split = full_name::split(value, has_column(first), has_column(last));
            for (index, part) in [(first, split.first), (last, split.last)] {
                if let Some(part) = part {
                    self.take_name(index, *column, part);
                }
            }
        }
    }

    fn take_name(&mut self, index: usize, column: usize, part: &str) {
        let from = self.buffers.text.len();
        let field = &self.header.object.fields[index];
        let parsed = value::parse(field.kind, part, self.spelling, &mut self.buffers.text);
        self.buffers.slots[index] = match parsed {
            Ok(()) => Slot::Value(from..self.buffers.text.len()),
            Err(fault) => {
                let heading = &self.header.columns[column].name;
                self.buffers.push_value_fault(field.name, heading, part, fault);
                Slot::Faulty
            }
        };
    }

    fn keep_extras(&mut self) {
        for (index, column) in self.header.columns.iter().enumerate() {
            let is_kept = match column.used_as {
                ColumnUse::Extra | ColumnUse::Feeds(Feeds::Helper(HelperRole::Group)) => true,
                ColumnUse::Feeds(_) | ColumnUse::LeftOut | ColumnUse::Report => false,
            };
            if !is_kept {
                continue;
            }
            let cell = self.cell(index);
            if !cell.is_empty() {
                self.buffers.push_extra(index, cell);
            }
        }
    }
}

#[cfg(test)]
mod tests;
