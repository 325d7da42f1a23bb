//! A contact: a person.

use super::field::{Field, Kind, Need};
use super::object::{Helper, HelperRole, KeyField, Object};
use crate::base::scope::Scope;

/// The contact's table.
pub static CONTACT: Object = Object {
    name: "contact",
    plural: "contacts",
    id_prefix: "con_",
    write_scope: Scope::CrmWrite,
    has_outcome: false,
    searched: &[
        "email",
        "first_name",
        "last_name",
        "external_id",
        "account_name",
        "phone",
    ],
    fields: &FIELDS,
    helpers: &[Helper {
        name: "full_name",
        label: "Full name",
        example: "Ada Lovelace",
        role: HelperRole::FullName,
        headers: &[
            "Name",
            "Full Name",
            "Contact Name",
            "Display Name",
            "Person - Name",
        ],
    }],
    key: &[
        KeyField {
            field: "external_id",
            folds_case: false,
        },
        KeyField {
            field: "email",
            folds_case: true,
        },
    ],
    prefix: "person",
    needs_words: "an email, a first, last or full name, or a phone",
};

static FIELDS: [Field; 13] = [
    Field::new("email", "Email", Kind::Email)
        .need(Need::OneOf)
        .examples("ada@example.com", "grace@example.org")
        .headers(&[
            "Email",
            "Email Address",
            "E-mail 1 - Value",
            "Person - Email",
            "Person - Email (Work)",
            "Work Email",
            "Primary Email",
            "Mail",
        ]),
    Field::new("first_name", "First name", Kind::Text)
        .need(Need::OneOf)
        .examples("Ada", "Grace")
        .headers(&[
            "First Name",
            "Given Name",
            "Forename",
            "FName",
            "Prénom",
            "Vorname",
        ]),
    Field::new("last_name", "Last name", Kind::Text)
        .need(Need::OneOf)
        .examples("Lovelace", "Hopper")
        .headers(&["Last Name", "Family Name", "Surname", "LName", "Nachname"]),
    Field::new("phone", "Phone", Kind::Text)
        .phone()
        .need(Need::OneOf)
        .examples("020 7946 0958", "(202) 555-0143")
        .headers(&[
            "Phone",
            "Phone Number",
            "Phone 1 - Value",
            "Mobile Phone",
            "Mobile",
            "Business Phone",
            "Primary Phone",
            "Work Phone",
            "Telephone",
            "Person - Phone (Work)",
            "Home Phone",
        ]),
    Field::new("job_title", "Job title", Kind::Text)
        .examples("Analyst", "Rear Admiral")
        .headers(&[
            "Job Title",
            "Position",
            "Organization Title",
            "Organization 1 - Title",
            "Person - Job Title",
            "Role",
        ])
        // Outlook's `Title` is Mr or Dr; Salesforce's is the job.
        .last_resort(&["Title"]),
    Field::new("account_name", "Company", Kind::Text)
        .examples("Analytical Engines", "US Navy")
        .headers(&[
            "Company",
            "Company Name",
            "Account Name",
            "Organization Name",
            "Organization 1 - Name",
            "Organization",
            "Account",
            "Associated Company",
            "Employer",
        ]),
    Field::new("external_id", "External ID", Kind::Code)
        .examples("C-1001", "C-1002")
        .headers(&[
            "External ID",
            "Record ID",
            "Contact ID",
            "ID",
            "Customer ID",
            "Pipedrive System ID (Person)",
        ]),
    Field::new("city", "City", Kind::Text)
        .examples("London", "Arlington")
        .headers(&[
            "City",
            "Mailing City",
            "Business City",
            "Home City",
            "Address 1 - City",
        ]),
    Field::new("region", "State or region", Kind::Text)
        .examples("", "Virginia")
        .headers(&[
            "State",
            "State/Region",
            "Mailing State",
            "Mailing State/Province",
            "Address 1 - Region",
            "Region",
        ]),
    Field::new("postal_code", "Postal code", Kind::Text)
        .examples("SW1A 1AA", "22201")
        .headers(&[
            "Zip",
            "Postal Code",
            "Mailing Zip",
            "Mailing Zip/Postal Code",
            "Address 1 - Postal Code",
        ]),
    Field::new("country", "Country", Kind::Text)
        .examples("United Kingdom", "United States")
        .headers(&[
            "Country",
            "Country/Region",
            "Mailing Country",
            "Address 1 - Country",
        ]),
    Field::new("owner", "Owner", Kind::Text)
        .examples("sam@example.com", "")
        .headers(&["Contact Owner", "Owner", "Owner Alias"]),
    Field::new("notes", "Notes", Kind::LongText)
        .examples("Met at the Royal Society", "")
        .headers(&["Notes", "Note", "Description"]),
];
