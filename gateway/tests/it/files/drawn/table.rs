//! Tables under the headers of real programs.

use super::dice::Dice;
use super::values::{COUNTRIES, Kind, Means, Told};

/// A column; columns that feed the same field stand in the order of their rank.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub header: &'static str,
    /// What it feeds; none: it goes to `extra`.
    pub field: Option<&'static str>,
    pub kind: Kind,
}

/// One cell: the text that its program holds, and what it means.
#[derive(Debug, Clone)]
pub struct Cell {
    pub text: String,
    pub means: Means,
}

#[derive(Debug)]
pub struct Row {
    pub cells: Vec<Cell>,
}

#[derive(Debug)]
pub struct Drawn {
    pub object: &'static str,
    pub told: Told,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

const fn col(header: &'static str, field: &'static str, kind: Kind) -> Column {
    Column {
        header,
        field: Some(field),
        kind,
    }
}

const fn extra(header: &'static str) -> Column {
    Column {
        header,
        field: None,
        kind: Kind::Text,
    }
}

/// Object and columns of one program's export.
type Export = (&'static str, &'static [Column]);

const EXPORTS: [Export; 9] = [
    // HubSpot
    (
        "contact",
        &[
            col("Record ID", "external_id", Kind::Code),
            col("First Name", "first_name", Kind::Text),
            col("Last Name", "last_name", Kind::Text),
            col("Email", "email", Kind::Email),
            col("Phone Number", "phone", Kind::Text),
            col("Mobile Phone", "phone", Kind::Text),
            extra("Lead Status"),
            col("City", "city", Kind::Text),
        ],
    ),
    // Pipedrive
    (
        "contact",
        &[
            col("Person - ID", "external_id", Kind::Code),
            col("Person - Name", "full_name", Kind::FullName),
            col("Person - Email (Work)", "email", Kind::Email),
            col("Person - Phone (Work)", "phone", Kind::Text),
            extra("Organization - Phone"),
        ],
    ),
    // Excel, in German
    (
        "contact",
        &[
            extra("Straße"),
            col("Vorname", "first_name", Kind::Text),
            col("Nachname", "last_name", Kind::Text),
            col("E-Mail", "email", Kind::Email),
            extra("Größe (cm)"),
            col("ID", "external_id", Kind::Code),
        ],
    ),
    // Salesforce
    (
        "account",
        &[
            col("Account ID", "external_id", Kind::Code),
            col("Account Name", "name", Kind::Text),
            col("Website", "domain", Kind::Domain),
            col("Phone", "phone", Kind::Text),
            col("Employees", "employees", Kind::Whole),
            col("Annual Revenue", "annual_revenue", Kind::Amount),
            extra("Billing Street"),
        ],
    ),
    (
        "deal",
        &[
            col("Opportunity ID", "external_id", Kind::Code),
            col("Opportunity Name", "name", Kind::Text),
            col("Amount", "amount", Kind::Amount),
            col("Close Date", "close_date", Kind::Date),
            col("Stage", "stage", Kind::Text),
            extra("Probability (%)"),
        ],
    ),
    // Pipedrive
    (
        "deal",
        &[
            col("Deal - ID", "external_id", Kind::Code),
            col("Deal - Title", "name", Kind::Text),
            col("Deal - Value", "amount", Kind::Amount),
            col("Deal - Currency of value", "currency", Kind::Currency),
            col("Deal - Status", "status", Kind::Status),
            col("Deal - Expected close date", "close_date", Kind::Date),
            extra("Deal - Label"),
        ],
    ),
    // WooCommerce
    (
        "product",
        &[
            col("ID", "external_id", Kind::Code),
            extra("Type"),
            col("Name", "name", Kind::Text),
            col("Published", "active", Kind::Published),
            extra("Is featured?"),
            col("Regular price", "price", Kind::Amount),
            col("Categories", "category", Kind::Text),
            extra("GTIN of the box, if any"),
        ],
    ),
    // Shopify
    (
        "product",
        &[
            col("Title", "name", Kind::Text),
            extra("Vendor"),
            col("Variant SKU", "sku", Kind::Code),
            col("Variant Price", "price", Kind::Amount),
            extra("Gift Card"),
            col("Status", "active", Kind::Published),
        ],
    ),
    // Somebody's own
    (
        "deal",
        &[
            col("name", "name", Kind::Text),
            col("AMOUNT", "amount", Kind::Amount),
            col("close_date", "close_date", Kind::Date),
            extra("note; mine"),
            col("External-Id", "external_id", Kind::Code),
        ],
    ),
];

/// Draws a table.
pub fn draw(dice: &mut Dice) -> Drawn {
    let (object, columns) = *dice.pick(&EXPORTS);
    let told = Told {
        country: *dice.pick(&COUNTRIES),
        order: *dice.pick(&[None, Some("dmy"), Some("mdy")]),
        decimal: dice.one_in(3),
    };
    let mut columns = columns.to_vec();
    // Exports are cut to the columns that somebody wants, but for the key.
    for _ in 0..dice.below(3) {
        let at = dice.below(columns.len());
        let is_needed = matches!(
            columns[at].field,
            Some("external_id" | "sku" | "name" | "category")
        );
        if !is_needed && columns.len() > 3 {
            columns.remove(at);
        }
    }
    let rows = (0..dice.below(30)).map(|row| {
        let cells = columns.iter().map(|column| {
            let (text, means) = column.kind.draw(dice, row, &told);
            Cell { text, means }
        });
        Row {
            cells: cells.collect(),
        }
    });
    let rows = rows.collect();
    Drawn {
        object,
        told,
        columns,
        rows,
    }
}
