//! A deal: a sale that may come about.

use super::field::{Field, Kind, Need};
use super::object::{KeyField, Object};
use crate::base::scope::Scope;

/// The words a deal's `status` takes.
pub const STATUSES: [&str; 3] = ["open", "won", "lost"];

/// The deal's table.
pub static DEAL: Object = Object {
    name: "deal",
    plural: "deals",
    id_prefix: "deal_",
    write_scope: Scope::CrmWrite,
    has_outcome: true,
    searched: &["name", "external_id", "account_name"],
    fields: &FIELDS,
    helpers: &[],
    key: &[KeyField {
        field: "external_id",
        folds_case: false,
    }],
    prefix: "deal",
    needs_words: "a name",
};

static FIELDS: [Field; 12] = [
    Field::new("name", "Name", Kind::Text)
        .need(Need::Always)
        .examples("Acme renewal", "Globex pilot")
        .headers(&[
            "Deal Name",
            "Opportunity Name",
            "Deal - Title",
            "Name",
            "Title",
            "Subject",
        ]),
    Field::new("external_id", "External ID", Kind::Code)
        .examples("D-1001", "D-1002")
        .headers(&["External ID", "Record ID", "Deal ID", "Opportunity ID", "ID"]),
    Field::new("amount", "Amount", Kind::Decimal)
        .examples("1200.50", "50000")
        .headers(&[
            "Amount",
            "Deal - Value",
            "Value",
            "Deal Amount",
            "Expected Revenue",
        ]),
    Field::new("currency", "Currency", Kind::Currency)
        .examples("USD", "EUR")
        .headers(&[
            "Currency",
            "Deal Currency",
            "Deal - Currency of value",
            "Currency Code",
        ]),
    Field::new("stage", "Stage", Kind::Text)
        .examples("Proposal", "Qualified")
        .headers(&["Deal Stage", "Stage", "Deal - Stage (pipeline)"]),
    Field::new("pipeline", "Pipeline", Kind::Text)
        .examples("Sales", "Sales")
        .headers(&["Pipeline", "Deal - Pipeline"]),
    Field::new("status", "Status", Kind::Choice(&STATUSES))
        .default_value("open")
        .examples("open", "won")
        .headers(&["Deal - Status", "Status"]),
    Field::new("close_date", "Close date", Kind::Date)
        .examples("2026-03-31", "2026-06-30")
        .headers(&[
            "Close Date",
            "Expected Close Date",
            "Closing Date",
            "Deal - Expected close date",
        ]),
    Field::new("account_name", "Company", Kind::Text)
        .examples("Acme", "Globex")
        .headers(&["Account Name", "Associated Company", "Deal - Organization"]),
    Field::new("contact_email", "Contact's email", Kind::Email)
        // HubSpot's `Associated Contact` holds names as well.
        .tolerant()
        .examples("ada@example.com", "")
        .headers(&[
            "Contact Email",
            "Associated Contact",
            "Contact Name",
            "Deal - Contact person",
        ]),
    Field::new("owner", "Owner", Kind::Text)
        .examples("sam@example.com", "")
        .headers(&["Deal Owner", "Owner", "Person - Owner"]),
    Field::new("notes", "Notes", Kind::LongText)
        .examples("Wants a yearly invoice", "")
        .headers(&["Notes"]),
];
