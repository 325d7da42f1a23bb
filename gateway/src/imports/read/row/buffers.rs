//! The buffers that one row after another is put together in.

use std::fmt::Write as _;
use std::ops::Range;

use crate::records::value::{Excerpt, ValueFault};

/// A stretch of the buffers' text.
type Span = Range<usize>;

/// What a row says of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// Nothing.
    Absent,
    /// Something that the field does not take.
    Faulty,
    /// The value, in the buffers'.
    Value(Span),
}

/// See the module.
#[derive(Debug)]
pub struct RowBuffers {
    /// All values, one behind the other.
    pub text: String,
    /// One for each field of the object.
    pub slots: Vec<Slot>,
    /// Columns that no field took, and their text.
    pub extras: Vec<(usize, Span)>,
    /// What is wrong, joined by `; `.
    pub faults: String,
}

impl RowBuffers {
    pub fn of(field_count: usize) -> RowBuffers {
        RowBuffers {
            text: String::new(),
            slots: vec![Slot::Absent; field_count],
            extras: Vec::new(),
            faults: String::new(),
        }
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.slots.fill(Slot::Absent);
        self.extras.clear();
        self.faults.clear();
    }

    pub fn value(&self, index: usize) -> Option<&str> {
        match self.slots.get(index)? {
            Slot::Value(span) => self.text.get(span.clone()),
            Slot::Absent | Slot::Faulty => None,
        }
    }

    pub fn push_value(&mut self, index: usize, value: &str) {
        let from = self.text.len();
        self.text.push_str(value);
        self.slots[index] = Slot::Value(from..self.text.len());
    }

    pub fn push_extra(&mut self, column: usize, cell: &str) {
        let from = self.text.len();
        self.text.push_str(cell);
        self.extras.push((column, from..self.text.len()));
    }

    pub fn begin_fault(&mut self) {
        if !self.faults.is_empty() {
            self.faults.push_str("; ");
        }
    }

    pub fn push_value_fault(&mut self, heading: &str, value: &str, fault: ValueFault) {
        self.begin_fault();
        // A `String` takes every write.
        let _ = write!(
            self.faults,
            "column {}: {} {fault}",
            Excerpt(heading),
            Excerpt(value)
        );
    }
}
