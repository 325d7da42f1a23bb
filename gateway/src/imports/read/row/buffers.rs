//! The buffers that one row after another is put together in.

use std::fmt::Write as _;
use std::ops::Range;

use crate::imports::causes::Cause;
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
    /// The same as causes, each with the value at fault.
    pub causes: Vec<(Cause, Option<Span>)>,
}

impl RowBuffers {
    pub fn of(field_count: usize) -> RowBuffers {
        RowBuffers {
            text: String::new(),
            slots: vec![Slot::Absent; field_count],
            extras: Vec::new(),
            faults: String::new(),
            causes: Vec::new(),
        }
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.slots.fill(Slot::Absent);
        self.extras.clear();
        self.faults.clear();
        self.causes.clear();
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

    /// Notes a cause; the caller then writes its words to the end of `faults`.
    pub fn begin_fault(&mut self, cause: Cause, value: Option<&str>) {
        if !self.faults.is_empty() {
            self.faults.push_str("; ");
        }
        let value = value.map(|value| {
            let from = self.text.len();
            self.text.push_str(value);
            from..self.text.len()
        });
        self.causes.push((cause, value));
    }

    pub fn push_value_fault(&mut self, field: &'static str, heading: &str, value: &str, fault: ValueFault) {
        self.begin_fault(Cause::of_value(field, fault), Some(value));
        // A `String` takes every write.
        let _ = write!(
            self.faults,
            "column {}: {} {fault}",
            Excerpt(heading),
            Excerpt(value)
        );
    }
}
