//! An account: a company.

use super::field::{Field, Kind, Need};
use super::object::{KeyField, Object};
use crate::base::scope::Scope;

/// The account's table.
pub static ACCOUNT: Object = Object {
    name: "account",
    plural: "accounts",
    id_prefix: "acc_",
    write_scope: Scope::CrmWrite,
    has_outcome: false,
    searched: &["name", "domain", "external_id", "phone"],
    fields: &FIELDS,
    helpers: &[],
    key: &[
        KeyField {
            field: "external_id",
            folds_case: false,
        },
        KeyField {
            field: "domain",
            folds_case: true,
        },
        KeyField {
            field: "name",
            folds_case: true,
        },
    ],
    prefix: "organization",
    needs_words: "a name or a domain",
};

static FIELDS: [Field; 13] = [
    Field::new("name", "Name", Kind::KeyText)
        .need(Need::OneOf)
        .examples("Acme", "Globex")
        .headers(&[
            "Name",
            "Company Name",
            "Account Name",
            "Organization Name",
            "Company",
        ]),
    Field::new("domain", "Domain", Kind::Domain)
        .need(Need::OneOf)
        .examples("acme.com", "globex.example")
        .headers(&["Domain", "Company Domain Name", "Website", "Website URL", "URL"]),
    Field::new("industry", "Industry", Kind::Text)
        .examples("Manufacturing", "Energy")
        .headers(&["Industry"]),
    Field::new("phone", "Phone", Kind::Text)
        .phone()
        .examples("(202) 555-0143", "")
        .headers(&["Phone", "Phone Number", "Business Phone"]),
    Field::new("employees", "Employees", Kind::Integer)
        .examples("250", "12000")
        .headers(&["Employees", "Number of Employees", "No. of Employees"]),
    Field::new("annual_revenue", "Annual revenue", Kind::Decimal)
        .examples("1200000.50", "98000000")
        .headers(&["Annual Revenue"]),
    Field::new("external_id", "External ID", Kind::Code)
        .examples("A-1001", "A-1002")
        .headers(&["External ID", "Record ID", "Account ID", "Organization ID"]),
    Field::new("city", "City", Kind::Text)
        .examples("Springfield", "Cypress Creek")
        .headers(&[
            "City",
            "Billing City",
            "Shipping City",
            "Mailing City",
            "Address 1 - City",
        ]),
    Field::new("region", "State or region", Kind::Text)
        .examples("Illinois", "")
        .headers(&REGION),
    Field::new("postal_code", "Postal code", Kind::Text)
        .examples("62701", "")
        .headers(&POSTAL_CODE),
    Field::new("country", "Country", Kind::Text)
        .examples("United States", "United States")
        .headers(&[
            "Country",
            "Country/Region",
            "Billing Country",
            "Shipping Country",
            "Mailing Country",
            "Address 1 - Country",
        ]),
    Field::new("owner", "Owner", Kind::Text)
        .examples("sam@example.com", "")
        .headers(&["Owner", "Account Owner", "Company Owner", "Organization Owner"]),
    Field::new("notes", "Notes", Kind::LongText)
        .examples("Renewal in June", "")
        .headers(&["Notes"]),
];

static REGION: [&str; 12] = [
    "State",
    "State/Region",
    "Region",
    "Billing State",
    "Billing State/Province",
    "Shipping State",
    "Shipping State/Province",
    "Mailing State",
    "Mailing State/Province",
    "Address 1 - State",
    "Address 1 - Region",
    "Billing Region",
];

static POSTAL_CODE: [&str; 13] = [
    "Zip",
    "Postal Code",
    "Billing Zip",
    "Billing Postal Code",
    "Billing Zip/Postal Code",
    "Shipping Zip",
    "Shipping Postal Code",
    "Shipping Zip/Postal Code",
    "Mailing Zip",
    "Mailing Postal Code",
    "Mailing Zip/Postal Code",
    "Address 1 - Zip",
    "Address 1 - Postal Code",
];
