//! Which column of a file feeds what.

pub mod heading;
pub mod known_names;
pub mod mapping;
mod reason;

use std::collections::HashMap;

use super::csv::raw_record::Cells;
use super::csv::reader::Width;
use super::limits::Limits;
use super::refusal::Refusal;
use crate::http::cell;
use crate::imports::mode::Mode;
use crate::records::Object;
use crate::records::objects::object::HelperRole;
use crate::records::value::unseen;
use known_names::{Feeds, KnownNames, REPORT_COLUMNS, Rank};
use mapping::Mapping;

/// What becomes of a column's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnUse {
    /// They feed a field, or steer others.
    Feeds(Feeds),
    /// They are kept in `extra`.
    Extra,
    /// The client's mapping leaves them out.
    LeftOut,
    /// They are the report of an earlier import.
    Report,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its header, made different from all others: `Tag`, `Tag (2)`, and `Column 3` where it has none.
    pub name: String,
    /// How much of the name is the header as the file has it.
    heading_bytes: usize,
    /// Whether the file gives it a header.
    pub is_named: bool,
    /// What becomes of its cells.
    pub used_as: ColumnUse,
    /// Whether its header is the name of a field.
    pub is_known: bool,
    /// Whether it is one of the columns that a Shopify row of a further image fills.
    pub is_image: bool,
    rank: Rank,
}

impl Column {
    /// The header as the file has it, less white space.
    pub fn heading(&self) -> &str {
        &self.name[..self.heading_bytes]
    }

    /// How good it is for what it feeds.
    pub fn rank(&self) -> Rank {
        self.rank
    }
}

/// All columns of a file.
#[derive(Debug)]
pub struct HeaderMap {
    /// What the file is read as.
    pub object: &'static Object,
    /// In the file's order.
    pub columns: Vec<Column>,
    /// Whether the file is a mended errors.csv, whose cells carry escapes.
    pub is_repair: bool,
    /// For each field the columns that feed it, best first.
    sources: Vec<Vec<usize>>,
    full_name: Vec<usize>,
    group: Vec<usize>,
    width: Width,
}

impl HeaderMap {
    /// The cell of a column, without its escape and what nobody sees at its ends.
    pub fn cell<'c>(&self, cells: Cells<'c>, column: usize) -> &'c str {
        let cell = cells.get(column);
        let cell = if self.is_repair {
            cell::unescape(cell)
        } else {
            cell
        };
        unseen::trim(cell)
    }

    /// Matches a header. `names` are those of `object`.
    pub fn build(
        cells: Cells<'_>,
        object: &'static Object,
        names: &KnownNames,
        mapping: Option<&Mapping>,
        mode: Mode,
        limits: &Limits,
    ) -> Result<HeaderMap, Refusal> {
        if cells.len() > limits.columns {
            let (found, limit) = (cells.len(), limits.columns);
            return Err(Refusal::TooManyColumns { found, limit });
        }
        let has = |name: &str| cells.iter().any(|cell| unseen::trim(cell) == name);
        let is_repair = has(REPORT_COLUMNS[0]) && has(REPORT_COLUMNS[2]);
        let mut map = HeaderMap {
            object,
            columns: name_columns(cells, is_repair),
            is_repair,
            sources: vec![Vec::new(); object.fields.len()],
            full_name: Vec::new(),
            group: Vec::new(),
            width: width_of(cells),
        };
        map.match_columns(cells, names);
        if let Some(mapping) = mapping {
            map.apply(mapping, cells)?;
        }
        map.settle();
        map.check_needs(mode)?;
        Ok(map)
    }

    /// How many cells a row has.
    pub fn width(&self) -> Width {
        self.width
    }

    /// The columns that feed field `index`, best first.
    pub fn sources(&self, index: usize) -> &[usize] {
        &self.sources[index]
    }

    /// The columns that are split into first and last name, best first.
    pub fn full_name(&self) -> &[usize] {
        &self.full_name
    }

    /// The columns that tell which rows belong together, best first.
    pub fn group(&self) -> &[usize] {
        &self.group
    }

    /// The headers that nothing in the object answers to (`unmapped_headers`).
    pub fn unmapped(&self) -> impl Iterator<Item = &str> {
        let is_unmapped = |column: &&Column| column.used_as == ColumnUse::Extra && column.is_named;
        self.columns
            .iter()
            .filter(is_unmapped)
            .map(|column| column.name.as_str())
    }

    /// Header and field's name of every column that feeds something or is left out (`None`): the job's
    /// `mapping`.
    pub fn mapped(&self) -> impl Iterator<Item = (&str, Option<&'static str>)> {
        let mapped = |column: &&Column| !matches!(column.used_as, ColumnUse::Extra | ColumnUse::Report);
        let columns = self.columns.iter().filter(mapped);
        columns.map(|column| (column.name.as_str(), self.fed(column)))
    }

    fn match_columns(&mut self, cells: Cells<'_>, names: &KnownNames) {
        let has_groups = !self.object.helpers.is_empty();
        for (column, cell) in self.columns.iter_mut().zip(cells.iter()) {
            let text = heading_text(cell, self.is_repair);
            if column.used_as == ColumnUse::Report {
                continue;
            }
            match names.find(text) {
                Some((feeds, rank)) => {
                    column.used_as = ColumnUse::Feeds(feeds);
                    column.rank = rank;
                    column.is_known = true;
                }
                None => column.is_image = has_groups && heading::key(text).contains("image"),
            }
        }
    }

    fn apply(&mut self, mapping: &Mapping, cells: Cells<'_>) -> Result<(), Refusal> {
        let mut is_used = vec![false; mapping.entries().len()];
        for (column, cell) in self.columns.iter_mut().zip(cells.iter()) {
            let text = heading_text(cell, self.is_repair);
            if column.used_as == ColumnUse::Report {
                continue;
            }
            if let Some(place) = mapping.find(&column.name, text) {
                is_used[place] = true;
                column.rank = Rank::Mapped;
                column.used_as = match mapping.entries()[place].feeds {
                    Some(feeds) => ColumnUse::Feeds(feeds),
                    None => ColumnUse::LeftOut,
                };
            }
        }
        let entries = mapping.entries().iter().zip(&is_used);
        let missing: Vec<_> = entries
            .filter(|(_, is_used)| !**is_used)
            .map(|(entry, _)| entry.heading.clone())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Refusal::MappingMisses {
            missing,
            found: self.found(),
        })
    }

    /// Orders the columns of each field, once all targets are known.
    fn settle(&mut self) {
        self.collect();
        for index in 0..self.sources.len() {
            let is_last_resort = |column: &usize| self.columns[*column].rank == Rank::LastResort;
            if !self.sources[index].iter().all(is_last_resort) {
                self.release(&self.sources[index].clone(), true);
            }
        }
        self.set_woocommerce_type_aside();
        let has = |name: &str| self.has(name);
        if has("first_name") && has("last_name") {
            self.release(&self.full_name.clone(), false);
        }
        self.collect();
    }

    /// WooCommerce's `Type` says what a row is (`simple`, `variation`); what the product is filed under stands in
    /// `Categories`.
    fn set_woocommerce_type_aside(&mut self) {
        let is_headed = |column: &Column, key: &str| {
            matches!(column.used_as, ColumnUse::Feeds(_)) && heading::key(column.heading()) == key
        };
        if !self.columns.iter().any(|column| is_headed(column, "categories")) {
            return;
        }
        for column in &mut self.columns {
            if column.rank != Rank::Mapped && is_headed(column, "type") {
                column.used_as = ColumnUse::Extra;
            }
        }
    }

    /// Sends columns to `extra` that stand back: all, or those of last resort.
    fn release(&mut self, columns: &[usize], last_resort_only: bool) {
        for column in columns {
            let column = &mut self.columns[*column];
            let stands_back =
                column.rank == Rank::LastResort || (!last_resort_only && column.rank != Rank::Mapped);
            if stands_back {
                column.used_as = ColumnUse::Extra;
            }
        }
    }

    fn collect(&mut self) {
        let mut fed: Vec<(Rank, usize, Feeds)> = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            if let ColumnUse::Feeds(feeds) = column.used_as {
                fed.push((column.rank, index, feeds));
            }
        }
        fed.sort_by_key(|(rank, index, _)| (*rank, *index));
        self.sources.iter_mut().for_each(Vec::clear);
        self.full_name.clear();
        self.group.clear();
        for (_, index, feeds) in fed {
            match feeds {
                Feeds::Field(field) => self.sources[field].push(index),
                Feeds::Helper(HelperRole::FullName) => self.full_name.push(index),
                Feeds::Helper(HelperRole::Group) => self.group.push(index),
            }
        }
    }

    fn has(&self, field: &str) -> bool {
        let index = self.object.field_index(field);
        index.is_some_and(|index| !self.sources[index].is_empty())
    }

    fn check_needs(&self, mode: Mode) -> Result<(), Refusal> {
        let is_name = |index: usize| self.object.fields[index].name == "first_name";
        let feeds =
            |index: usize| !self.sources[index].is_empty() || (is_name(index) && !self.full_name.is_empty());
        let is_enough = match mode {
            Mode::Update => self.object.key.iter().any(|key| self.has(key.field)),
            _ => self.object.is_satisfied_by(feeds),
        };
        if is_enough {
            return Ok(());
        }
        Err(Refusal::MissingColumns {
            object: self.object,
            mode,
            found: self.found(),
        })
    }

    fn found(&self) -> Vec<String> {
        let is_shown = |column: &&Column| column.is_named && column.used_as != ColumnUse::Report;
        self.columns
            .iter()
            .filter(is_shown)
            .map(|column| column.name.clone())
            .collect()
    }
}

fn heading_text(cell: &str, is_repair: bool) -> &str {
    let cell = if is_repair { cell::unescape(cell) } else { cell };
    unseen::trim(cell)
}

/// Columns with names that are all different. The report's columns are no part of the file that it reports on: that
/// file's own are named as if they were not there.
fn name_columns(cells: Cells<'_>, is_repair: bool) -> Vec<Column> {
    // Only the first of each name is the report's; a file may have columns of its own of that name.
    let mut report = if is_repair {
        REPORT_COLUMNS.to_vec()
    } else {
        Vec::new()
    };
    // How far each name was counted.
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut columns = Vec::with_capacity(cells.len());
    let mut own_count = 0;
    for cell in cells.iter() {
        let text = heading_text(cell, is_repair);
        let is_named = !text.is_empty();
        let mut column = Column {
            name: text.to_owned(),
            heading_bytes: text.len(),
            is_named,
            used_as: ColumnUse::Extra,
            is_known: false,
            is_image: false,
            rank: Rank::LastResort,
        };
        if let Some(place) = report.iter().position(|name| *name == text) {
            report.swap_remove(place);
            column.used_as = ColumnUse::Report;
            columns.push(column);
            continue;
        }
        own_count += 1;
        if !is_named {
            column.name = format!("Column {own_count}");
        }
        let base = column.name.clone();
        let mut count = taken.get(&base).copied().unwrap_or(0);
        // A file may also have a column whose own header is `Tag (2)`.
        while taken.contains_key(&column.name) {
            count += 1;
            column.name = format!("{base} ({count})");
        }
        taken.insert(base, count.max(1));
        taken.entry(column.name.clone()).or_insert(1);
        columns.push(column);
    }
    columns
}

/// Excel pads headers with blank columns, and rows need not have these.
fn width_of(cells: Cells<'_>) -> Width {
    let named = (0..cells.len())
        .rev()
        .find(|index| !unseen::trim(cells.get(*index)).is_empty());
    Width {
        least: named.map_or(0, |last| last + 1),
        most: cells.len(),
    }
}

#[cfg(test)]
mod tests;
