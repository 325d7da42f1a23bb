//! A product: what can be sold.

use super::field::{Field, Kind, Need};
use super::object::{Helper, HelperRole, KeyField, Object};
use crate::base::scope::Scope;

/// The product's table.
pub static PRODUCT: Object = Object {
    name: "product",
    plural: "products",
    id_prefix: "prod_",
    write_scope: Scope::CommerceWrite,
    has_outcome: false,
    searched: &["name", "sku", "external_id"],
    fields: &FIELDS,
    helpers: &[Helper {
        name: "handle",
        label: "Shopify handle",
        example: "teapot",
        role: HelperRole::Group,
        headers: &["URL handle", "Handle"],
    }],
    key: &[
        KeyField {
            field: "external_id",
            folds_case: false,
        },
        KeyField {
            field: "sku",
            folds_case: false,
        },
    ],
    prefix: "product",
    needs_words: "a name",
};

static FIELDS: [Field; 10] = [
    Field::new("name", "Name", Kind::Text)
        .need(Need::Always)
        .examples("Teapot", "Teacup")
        .headers(&["Name", "Product Name", "Title", "Item Name", "Product Title"]),
    Field::new("sku", "SKU", Kind::Code)
        .examples("POT-1", "CUP-1")
        .headers(&[
            "SKU",
            "Variant SKU",
            "Code",
            "Product Code",
            "Item Code",
            "Item Number",
            "Part Number",
            "MPN",
        ]),
    Field::new("external_id", "External ID", Kind::Code)
        .examples("P-1001", "P-1002")
        .headers(&["External ID", "Record ID", "Product ID", "ID"]),
    Field::new("price", "Price", Kind::Decimal)
        .examples("24.90", "6.50")
        .headers(&[
            "Price",
            "Variant Price",
            "Unit Price",
            "List Price",
            "Regular Price",
            "Amount",
        ]),
    Field::new("cost", "Cost", Kind::Decimal)
        .examples("11.20", "2.10")
        .headers(&["Cost per item", "Unit Cost", "Cost"]),
    Field::new("currency", "Currency", Kind::Currency)
        .examples("EUR", "EUR")
        .headers(&["Currency"]),
    Field::new("description", "Description", Kind::LongText)
        .examples("Holds a litre", "")
        .headers(&["Description", "Body (HTML)", "Product Description"]),
    Field::new("category", "Category", Kind::Text)
        .examples("Tableware", "Tableware")
        .headers(&[
            "Product Category",
            "Categories",
            "Type",
            "Category",
            "Product Family",
        ]),
    Field::new("barcode", "Barcode", Kind::Text)
        .examples("4006381333931", "")
        .headers(&[
            "Barcode",
            "Variant Barcode",
            "GTIN",
            "EAN",
            "UPC",
            "GTIN, UPC, EAN, or ISBN",
        ]),
    Field::new("active", "Active", Kind::Boolean)
        .default_value("true")
        .examples("true", "false")
        .headers(&[
            "Active",
            "Status",
            "Is Active",
            "Published",
            "Published on online store",
        ]),
];
