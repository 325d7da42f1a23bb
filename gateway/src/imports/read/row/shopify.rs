//! Shopify's product exports: one product over several rows that share a handle. The first has the title;
//! those of further variants leave it blank, and those of further images hold nothing else.

use super::buffers::{RowBuffers, Slot};
use crate::imports::read::csv::raw_record::Cells;
use crate::imports::read::header::{ColumnUse, HeaderMap};

/// The title of the product whose rows are being read. Exports keep a product's rows together, so that
/// one is enough, and memory does not grow with the file.
#[derive(Debug, Default)]
pub struct ProductGroup {
    handle: String,
    title: String,
}

impl ProductGroup {
    /// Gives the row its group's title where it has none, and remembers it where it has one.
    pub fn lend_title(
        &mut self,
        header: &HeaderMap,
        cells: Cells<'_>,
        name: usize,
        buffers: &mut RowBuffers,
    ) {
        let Some(handle) = handle(header, cells) else {
            return;
        };
        if self.handle != handle {
            self.handle.clear();
            self.handle.push_str(handle);
            self.title.clear();
        }
        match buffers.value(name) {
            Some(title) => {
                self.title.clear();
                self.title.push_str(title);
            }
            None if buffers.slots[name] == Slot::Absent && !self.title.is_empty() => {
                buffers.push_value(name, &self.title);
            }
            None => {}
        }
    }
}

/// Whether the row's only cells are its handle and what Shopify says of images.
pub fn is_of_images_only(header: &HeaderMap, cells: Cells<'_>) -> bool {
    if handle(header, cells).is_none() {
        return false;
    }
    let columns = header.columns.iter().enumerate();
    let is_beside = |index: usize| {
        let column = &header.columns[index];
        let is_ignored = matches!(column.used_as, ColumnUse::Report | ColumnUse::LeftOut);
        (column.is_image && column.used_as == ColumnUse::Extra)
            || is_ignored
            || header.group().contains(&index)
    };
    columns
        .filter(|(index, _)| !is_beside(*index))
        .all(|(index, _)| header.cell(cells, index).is_empty())
}

fn handle<'c>(header: &HeaderMap, cells: Cells<'c>) -> Option<&'c str> {
    let group = header.group().iter();
    group
        .map(|column| header.cell(cells, *column))
        .find(|cell| !cell.is_empty())
}
