//! The routes of the four objects: the same five of each.

use http::Method;

use super::Access::Scopes;
use super::{ReplyDoc, Route, SchemaDoc};
use crate::base::scope::Scope::{CommerceRead, CommerceWrite, CrmRead, CrmWrite};
use crate::http::problem::Code;
use crate::records::objects::account::ACCOUNT;
use crate::records::objects::contact::CONTACT;
use crate::records::objects::deal::DEAL;
use crate::records::objects::product::PRODUCT;
use crate::records::{Object, api, schema};

/// All of them.
pub(super) fn record_routes() -> Vec<Route> {
    macro_rules! routes_of {
        ($object:ident, $name:literal, $path:literal, $read:ident, $write:ident, $filters:expr) => {
            [
                Route::new(
                    Method::GET,
                    $path,
                    Scopes(&[$read]),
                    concat!("List ", $name, "s"),
                    |services, call| Box::pin(api::list_records(services.records.clone(), &$object, call)),
                )
                .query($filters)
                .documents(200, ReplyDoc::Page(document(&$object, true))),
                Route::new(
                    Method::POST,
                    $path,
                    Scopes(&[$write]),
                    concat!("Create a ", $name, ", or change it"),
                    |services, call| Box::pin(api::create_record(services.records.clone(), &$object, call)),
                )
                .query(&[(
                    "upsert",
                    "`true`: the record that has the same key is changed instead.",
                )])
                .takes(document(&$object, false))
                .documents(201, ReplyDoc::One(document(&$object, true)))
                .errors(&[Code::KeyTaken]),
                Route::new(
                    Method::GET,
                    concat!($path, "/{id}"),
                    Scopes(&[$read]),
                    concat!("Get a ", $name),
                    |services, call| Box::pin(api::get_record(services.records.clone(), &$object, call)),
                )
                .documents(200, ReplyDoc::One(document(&$object, true))),
                Route::new(
                    Method::PATCH,
                    concat!($path, "/{id}"),
                    Scopes(&[$write]),
                    concat!("Change a ", $name),
                    |services, call| Box::pin(api::update_record(services.records.clone(), &$object, call)),
                )
                .takes(document(&$object, false))
                .documents(200, ReplyDoc::One(document(&$object, true)))
                .errors(&[Code::KeyTaken]),
                Route::new(
                    Method::DELETE,
                    concat!($path, "/{id}"),
                    Scopes(&[$write]),
                    concat!("Delete a ", $name),
                    |services, call| Box::pin(api::delete_record(services.records.clone(), &$object, call)),
                )
                .no_content(),
            ]
        };
    }
    [
        routes_of!(
            CONTACT,
            "contact",
            "/v1/crm/contacts",
            CrmRead,
            CrmWrite,
            CONTACT_FILTERS
        ),
        routes_of!(
            ACCOUNT,
            "account",
            "/v1/crm/accounts",
            CrmRead,
            CrmWrite,
            ACCOUNT_FILTERS
        ),
        routes_of!(DEAL, "deal", "/v1/crm/deals", CrmRead, CrmWrite, DEAL_FILTERS),
        routes_of!(
            PRODUCT,
            "product",
            "/v1/commerce/products",
            CommerceRead,
            CommerceWrite,
            PRODUCT_FILTERS
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

type Filters = &'static [(&'static str, &'static str)];

const Q: (&str, &str) = (
    "q",
    "Words and their beginnings, without case, in names, keys, company and phone.",
);
const EXTERNAL_ID: (&str, &str) = ("external_id", "Exactly this external id.");
const ACCOUNT_NAME: (&str, &str) = ("account_name", "Exactly this company.");
const OWNER: (&str, &str) = ("owner", "Exactly this owner.");
const CONTACT_FILTERS: Filters = &[
    Q,
    ("email", "This email, without case."),
    EXTERNAL_ID,
    ACCOUNT_NAME,
    OWNER,
];
const ACCOUNT_FILTERS: Filters = &[
    Q,
    ("domain", "This domain, without case."),
    ("name", "This name, without case."),
    EXTERNAL_ID,
    OWNER,
];
const DEAL_FILTERS: Filters = &[
    Q,
    EXTERNAL_ID,
    ACCOUNT_NAME,
    OWNER,
    ("stage", "Exactly this stage."),
    ("status", "`open`, `won` or `lost`."),
];
const PRODUCT_FILTERS: Filters = &[
    Q,
    ("sku", "Exactly this SKU."),
    EXTERNAL_ID,
    ("category", "Exactly this category."),
    ("active", "`true` or `false`."),
];

fn document(object: &'static Object, is_reply: bool) -> SchemaDoc {
    let name = schema::name(object, is_reply);
    SchemaDoc {
        schemas: vec![(name.clone(), schema::of(object, is_reply))],
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::filter;

    #[test]
    fn every_filter_is_documented() {
        for (object, filters) in [
            (&CONTACT, CONTACT_FILTERS),
            (&ACCOUNT, ACCOUNT_FILTERS),
            (&DEAL, DEAL_FILTERS),
            (&PRODUCT, PRODUCT_FILTERS),
        ] {
            let mut known: Vec<_> = filter::names(object).chain(["q"]).collect();
            let mut told: Vec<_> = filters.iter().map(|(name, _)| *name).collect();
            known.sort_unstable();
            told.sort_unstable();
            assert_eq!(known, told);
        }
    }
}
