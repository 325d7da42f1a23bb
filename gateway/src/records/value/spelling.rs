//! How values may be written.

/// Which sign stands before the fraction (`&decimal=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalSign {
    /// `1,234.50`
    Point,
    /// `1.234,50`
    Comma,
}

impl DecimalSign {
    /// What `&decimal=` takes: `,` or `.`.
    pub fn named(name: &str) -> Option<DecimalSign> {
        match name {
            "." => Some(DecimalSign::Point),
            "," => Some(DecimalSign::Comma),
            _ => None,
        }
    }
}

/// Which of a date's two short numbers comes first (`&date_order=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// `12/31/2025`
    MonthFirst,
    /// `31/12/2025`
    DayFirst,
}

impl DateOrder {
    /// What `&date_order=` takes: `mdy` or `dmy`.
    pub fn named(name: &str) -> Option<DateOrder> {
        match name {
            "mdy" => Some(DateOrder::MonthFirst),
            "dmy" => Some(DateOrder::DayFirst),
            _ => None,
        }
    }
}

/// How freely a value may be spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As the API writes it: JSON bodies.
    Exact,
    /// As people and spreadsheets write it: cells (IMPORT-RULES.md, "Cells").
    Loose {
        /// `None`: told from the number itself.
        decimal: Option<DecimalSign>,
        /// `None`: told from the date itself, and a fault where it does not tell.
        date_order: Option<DateOrder>,
    },
}

impl Spelling {
    /// Cells without `&decimal=` and `&date_order=`.
    pub const CELLS: Spelling = Spelling::Loose {
        decimal: None,
        date_order: None,
    };
}
