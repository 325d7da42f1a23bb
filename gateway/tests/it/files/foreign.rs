//! Cells as strangers write them, and what the contract says of each: tables that are derived from its rules alone.

use super::{Read, read_in_pieces, reading};
use gateway::facade::imports::Reading;
use gateway::facade::records::{DateOrder, DecimalSign, Spelling};

/// Reads a file, having seen that it reads the same however it is cut.
pub fn read_as(bytes: &[u8], reading: &Reading) -> Read {
    let whole = read_in_pieces(bytes, reading.clone(), bytes.len()).expect("a table");
    for size in [1, 2, 5] {
        assert_eq!(
            read_in_pieces(bytes, reading.clone(), size).expect("a table"),
            whole
        );
    }
    whole
}

pub fn rows(object: &str, text: &str) -> Vec<String> {
    read_as(text.as_bytes(), &reading(object)).rows
}

/// What becomes of a cell of `field`: its value, `-` if it has none, `extra …`, or `failed`.
fn cell(object: &str, field: &str, cell: &str, spelling: Spelling) -> String {
    let name = match (object, field) {
        ("deal" | "product", _) => "Name",
        _ => "Phone",
    };
    let text = format!("{name}|{field}\nx|{cell}\n");
    let mut reading = reading(object);
    reading.delimiter = Some(b'|');
    reading.spelling = spelling;
    let row = read_as(text.as_bytes(), &reading).rows.remove(0);
    if row.contains(" failed: ") {
        return "failed".to_owned();
    }
    if let Some((_, extra)) = row.split_once(&format!(" + {field}=")) {
        return format!("extra {extra}");
    }
    let value = row.split_once(&format!(" {field}="));
    value
        .map_or("-", |(_, value)| value.trim_end_matches(" phone=x"))
        .to_owned()
}

fn loose(decimal: &str, order: &str) -> Spelling {
    Spelling::Loose {
        decimal: DecimalSign::named(decimal),
        date_order: DateOrder::named(order),
    }
}

#[test]
fn amounts() {
    for (spelled, stored, with_point, with_comma) in [
        ("1234.5", "1234.5", "1234.5", "failed"),
        ("1,234.50", "1234.50", "1234.50", "failed"),
        ("$1,234.50", "1234.50", "1234.50", "failed"),
        ("1.234,50 €", "1234.50", "failed", "1234.50"),
        ("1 234,50", "1234.50", "failed", "1234.50"),
        ("1\u{202f}234,50\u{a0}€", "1234.50", "failed", "1234.50"),
        ("1'234.50", "1234.50", "1234.50", "failed"),
        ("EUR 5", "5", "5", "5"),
        ("5 EUR", "5", "5", "5"),
        ("(12.00)", "-12.00", "-12.00", "failed"),
        ("$(12.00)", "-12.00", "-12.00", "failed"),
        ("($12.00)", "-12.00", "-12.00", "failed"),
        ("(1.234,50 €)", "-1234.50", "failed", "-1234.50"),
        ("5-", "-5", "-5", "-5"),
        ("5.00-", "-5.00", "-5.00", "failed"),
        ("49,-", "49", "49", "49"),
        ("49,- €", "49", "49", "49"),
        ("€ 49,–", "49", "49", "49"),
        ("CHF 1'299.-", "1299", "1299", "1299"),
        ("-49,-", "-49", "-49", "-49"),
        ("0,125", "0.125", "failed", "0.125"),
        ("1,234", "1234", "1234", "1.234"),
        ("999,999", "999999", "999999", "999.999"),
        ("1234,567", "1234.567", "failed", "1234.567"),
        ("12,34", "12.34", "failed", "12.34"),
        ("1.234", "1.234", "1.234", "1234"),
        ("0.125", "0.125", "0.125", "failed"),
        ("1.234.567", "1234567", "failed", "1234567"),
        ("1,234,567", "1234567", "1234567", "failed"),
        ("1.234.567,89", "1234567.89", "failed", "1234567.89"),
        ("−5", "-5", "-5", "-5"),
        ("+5", "5", "5", "5"),
        ("--5", "failed", "failed", "failed"),
        ("5 %", "failed", "failed", "failed"),
        ("12:30", "failed", "failed", "failed"),
        ("\u{200b} 5 \u{feff}", "5", "5", "5"),
    ] {
        let found = ["", ".", ","].map(|decimal| cell("deal", "amount", spelled, loose(decimal, "")));
        assert_eq!(found, [stored, with_point, with_comma], "{spelled:?}");
    }
}

#[test]
fn whole_numbers() {
    for (spelled, stored, with_point, with_comma) in [
        ("250", "250", "250", "250"),
        ("1,234", "failed", "1234", "failed"),
        ("1.234", "failed", "failed", "1234"),
        ("1.000", "failed", "1", "1000"),
        ("12.00", "12", "12", "failed"),
        ("12,0", "12", "failed", "12"),
        ("1,234,567", "1234567", "1234567", "failed"),
        ("1 234", "1234", "1234", "1234"),
        ("1'234", "1234", "1234", "1234"),
        ("2.5", "failed", "2.5 failed", "failed"),
        ("10-50", "failed", "failed", "failed"),
        ("~250", "failed", "failed", "failed"),
        ("250+", "failed", "failed", "failed"),
    ] {
        let found = ["", ".", ","].map(|decimal| {
            let text = format!("Name|Employees\nAcme|{spelled}\n");
            let mut reading = reading("account");
            reading.delimiter = Some(b'|');
            reading.spelling = loose(decimal, "");
            let row = read_as(text.as_bytes(), &reading).rows.remove(0);
            let value = row.split_once(" employees=").map(|(_, value)| value.to_owned());
            value.unwrap_or_else(|| "failed".to_owned())
        });
        let wanted = [stored, with_point, with_comma]
            .map(|word| if word.contains("failed") { "failed" } else { word });
        assert_eq!(found, wanted, "{spelled:?}");
    }
}

#[test]
fn days() {
    for (spelled, stored, month_first, day_first) in [
        ("2026-03-31", "2026-03-31", "2026-03-31", "2026-03-31"),
        ("31/03/2026", "2026-03-31", "2026-03-31", "2026-03-31"),
        ("03/31/2026", "2026-03-31", "2026-03-31", "2026-03-31"),
        ("31.3.2026", "2026-03-31", "2026-03-31", "2026-03-31"),
        ("31-03-2026", "2026-03-31", "2026-03-31", "2026-03-31"),
        ("03/04/2026", "failed", "2026-03-04", "2026-04-03"),
        ("04.04.2026", "2026-04-04", "2026-04-04", "2026-04-04"),
        ("2026/03/04", "2026-03-04", "2026-03-04", "2026-03-04"),
        ("2026-03-31T23:59:59Z", "2026-03-31", "2026-03-31", "2026-03-31"),
        ("31.03.2026 17:00", "2026-03-31", "2026-03-31", "2026-03-31"),
        ("3/31/2026 5:00 PM", "2026-03-31", "2026-03-31", "2026-03-31"),
        ("31/03/26", "failed", "failed", "failed"),
        ("2026-02-30", "failed", "failed", "failed"),
        ("2026-03-31 2026-04-30", "failed", "failed", "failed"),
        ("Q1 2026", "failed", "failed", "failed"),
        ("45747", "failed", "failed", "failed"),
    ] {
        let found = ["", "mdy", "dmy"].map(|order| cell("deal", "close_date", spelled, loose("", order)));
        assert_eq!(found, [stored, month_first, day_first], "{spelled:?}");
    }
}

#[test]
fn words() {
    for (spelled, stored) in [
        ("TRUE", "true"),
        ("yes", "true"),
        ("1", "true"),
        ("On", "true"),
        ("t", "true"),
        ("Y", "true"),
        ("Active", "true"),
        ("published", "true"),
        ("FALSE", "false"),
        ("No", "false"),
        ("0", "false"),
        ("off", "false"),
        ("F", "false"),
        ("n", "false"),
        ("inactive", "false"),
        ("Draft", "false"),
        ("archived", "false"),
        ("-1", "failed"),
        ("2", "failed"),
        ("maybe", "failed"),
        ("\u{ad}yes\u{200f}", "true"),
    ] {
        assert_eq!(
            cell("product", "active", spelled, Spelling::CELLS),
            stored,
            "{spelled:?}"
        );
    }
    for (spelled, stored) in [("Won", "won"), ("OPEN", "open"), ("closed", "failed")] {
        assert_eq!(cell("deal", "status", spelled, Spelling::CELLS), stored);
    }
    for (spelled, stored) in [
        ("eur", "EUR"),
        ("Usd", "USD"),
        ("Euro", "failed"),
        ("€", "failed"),
    ] {
        assert_eq!(cell("deal", "currency", spelled, Spelling::CELLS), stored);
    }
    for (spelled, stored) in [
        ("ada@x.org", "ada@x.org"),
        ("Ada Lovelace", "extra Ada Lovelace"),
        ("ad\u{200b}a@x.org", "extra ad\u{200b}a@x.org"),
    ] {
        assert_eq!(cell("deal", "contact_email", spelled, Spelling::CELLS), stored);
    }
}

#[test]
fn keys_and_what_nobody_sees() {
    for (object, field, spelled, stored) in [
        ("contact", "email", "\u{feff}Ada@X.org\u{200b}", "Ada@X.org"),
        ("contact", "email", "Ada\u{200b}@X.org", "failed"),
        ("contact", "email", "\u{202a}ada@x.org\u{202c}", "ada@x.org"),
        ("contact", "external_id", "\u{2060}C-1\u{ad}", "C-1"),
        ("contact", "external_id", "C\u{ad}-1", "failed"),
        ("product", "sku", "\u{200e}POT-1", "POT-1"),
        ("product", "sku", "POT\u{200d}-1", "failed"),
        ("account", "domain", "https://www.Acme.com/x\u{200b}", "acme.com"),
        ("account", "domain", "ac\u{2060}me.com", "failed"),
        ("contact", "city", "Ro\u{ad}me", "Ro\u{ad}me"),
        ("contact", "city", "\u{200b}\u{feff}", "-"),
        // Composed and decomposed are one key.
        ("contact", "email", "zoe\u{308}@x.org", "zo\u{eb}@x.org"),
    ] {
        let found = match object {
            "account" => {
                let row = rows("account", &format!("Name,Domain\nAcme,{spelled}\n")).remove(0);
                let value = row.split_once(" domain=").map(|(_, value)| value.to_owned());
                value.unwrap_or_else(|| "failed".to_owned())
            }
            _ => cell(object, field, spelled, Spelling::CELLS),
        };
        assert_eq!(found, stored, "{spelled:?}");
    }
    // A record of which nobody sees anything is none.
    assert_eq!(
        rows(
            "contact",
            "\u{feff}Email\u{200b},City\n\u{200b},\u{feff}\na@b.c,Rome,\u{ad}\n"
        ),
        ["1@3 email=a@b.c city=Rome"]
    );
}
