use super::*;
use crate::imports::read::opening::{Opening, Reading};
use crate::records::Object;
use crate::records::value::{DateOrder, DecimalSign};

/// What becomes of each row: `field=value … + header=extra …`, `unchanged`, or its faults.
fn outcomes(text: &str, reading: Reading) -> Vec<String> {
    let mut source = text.as_bytes();
    let mut opening = Opening::new(reading);
    let opened = opening.feed(&mut source).unwrap();
    let mut stream = opened.unwrap_or_else(|| opening.end().unwrap());
    let mut found = Vec::new();
    for is_end in [false, true] {
        if is_end {
            stream.end();
        }
        while let Some(parsed) = stream.next_row(&mut source) {
            found.push(match parsed.outcome {
                Outcome::Row(row) => shown(&row),
                Outcome::Unchanged => "unchanged".to_owned(),
                Outcome::Failed(faults) => format!("failed: {faults}"),
            });
        }
    }
    found
}

fn shown(row: &Row<'_>) -> String {
    let fields = row.header.object.fields.iter().enumerate();
    let values = fields.filter_map(|(index, field)| Some((field.name, row.value(index)?)));
    let pair = |(name, value): (&str, &str)| format!("{name}={value}");
    let values: Vec<_> = values.map(pair).collect();
    let extras: Vec<_> = row.extras().map(pair).collect();
    if extras.is_empty() {
        return values.join(" ");
    }
    format!("{} + {}", values.join(" "), extras.join(" "))
}

fn of(object: &str) -> Reading {
    Reading::of(Object::named(object).unwrap())
}

fn contacts(text: &str) -> Vec<String> {
    outcomes(text, of("contact"))
}

#[test]
fn a_blank_cell_falls_to_the_next_in_rank_and_losers_are_kept() {
    assert_eq!(
        contacts("Mobile,Email,Phone\n1,a@b,2\n1,a@b, \n,a@b,\n"),
        ["email=a@b phone=2 + Mobile=1", "email=a@b phone=1", "email=a@b"]
    );
}

#[test]
fn cells_are_trimmed_and_several_values_split() {
    assert_eq!(
        contacts("Email,Notes\n \u{a0}a@b\t,\" x \ny \"\n"),
        ["email=a@b notes=x \ny"]
    );
    assert_eq!(
        contacts("Email,Foo\na@b ::: c@d,1 ::: 2\n"),
        ["email=a@b + Email=a@b ::: c@d Foo=1 ::: 2"]
    );
    assert_eq!(
        contacts("Name\nAda Byron ::: Ada King\n"),
        ["first_name=Ada last_name=Byron + Name=Ada Byron ::: Ada King"]
    );
}

#[test]
fn all_faults_of_a_row_are_collected() {
    let long = "x".repeat(300);
    assert_eq!(
        contacts(&format!("Email,External ID,Phone\nfoo,{long},1\n")),
        [format!(
            "failed: column \"Email\": \"foo\" is not an email address; column \"External ID\": \"{}…\" is longer \
             than 255 characters",
            &long[..39]
        )]
    );
}

#[test]
fn what_a_new_contact_needs() {
    assert_eq!(
        contacts("Email,External ID,City\n,,Rome\n,7,Rome\na@b,,\n"),
        [
            "failed: a contact needs an email, a first, last or full name, or a phone",
            // The record that has this key may have it.
            "external_id=7 city=Rome",
            "email=a@b",
        ]
    );
    let mut create = of("contact");
    create.mode = Mode::Create;
    let found = outcomes("Email,External ID\n,7\n", create);
    assert!(found[0].starts_with("failed: a contact needs"), "{found:?}");
    // An address at fault is not missing as well.
    assert_eq!(
        contacts("Email\nfoo\n"),
        ["failed: column \"Email\": \"foo\" is not an email address"]
    );
}

#[test]
fn update_needs_the_key() {
    let mut update = of("contact");
    update.mode = Mode::Update;
    assert_eq!(
        outcomes("External ID,City\n7,Rome\n,Oslo\n", update),
        [
            "external_id=7 city=Rome",
            "failed: no key is given to find the record by (external_id or email)"
        ]
    );
}

#[test]
fn contact_email_takes_addresses_alone() {
    assert_eq!(
        outcomes(
            "Name,Contact Name,Contact Email\nA,x@y,\nB,Ada,x@y\nC,Ada,none\n",
            of("deal")
        ),
        [
            "name=A contact_email=x@y",
            "name=B contact_email=x@y + Contact Name=Ada",
            "name=C + Contact Email=none Contact Name=Ada",
        ]
    );
}

#[test]
fn a_kept_cell_is_kept_once() {
    assert_eq!(
        outcomes("Name,Contact Name\nA,Ada ::: x@y\nB,x@y ::: Ada\n", of("deal")),
        [
            "name=A + Contact Name=Ada ::: x@y",
            "name=B contact_email=x@y + Contact Name=x@y ::: Ada"
        ]
    );
}

#[test]
fn given_signs_and_orders() {
    let mut given = of("deal");
    given.spelling = Spelling::Loose {
        decimal: Some(DecimalSign::Comma),
        date_order: Some(DateOrder::DayFirst),
    };
    assert_eq!(
        outcomes("name;amount;close date\nA;1.234;3.4.2026\n", given),
        ["name=A amount=1234 close_date=2026-04-03"]
    );
}

#[test]
fn a_mended_report_is_read_back() {
    assert_eq!(
        contacts("row_number,line_number,error_message,Email,Phone,'=x\n3,9,\"bad, email\",a@b,'+44,''-\n"),
        ["email=a@b phone=+44 + =x='-"]
    );
    assert_eq!(contacts("Email,Phone\na@b,'+44\n"), ["email=a@b phone='+44"]);
}

#[test]
fn faults_of_the_record_name_column_and_encoding() {
    let found = contacts("Email,Foo\na@b\na@b,\0\n");
    assert_eq!(
        found,
        [
            "failed: too few cells: 1, where the header has 2",
            "failed: column \"Foo\": a cell holds a NUL character",
        ]
    );
}

#[test]
fn nameless_columns_are_kept_and_padding_is_not_asked_for() {
    assert_eq!(
        contacts(",Email,\n0,a@b\n1,c@d,x\n"),
        ["email=a@b + Column 1=0", "email=c@d + Column 1=1 Column 3=x"]
    );
}

#[test]
fn one_missing_name_is_taken_from_the_full_name() {
    assert_eq!(
        contacts("First Name,Name\nAda,Ada Lovelace\nZoë,Groß\n"),
        [
            "first_name=Ada last_name=Lovelace",
            "first_name=Zoë last_name=Groß"
        ]
    );
}

#[test]
fn a_title_is_lent_within_its_group_alone() {
    assert_eq!(
        outcomes(
            "Handle,Title,SKU\na,A,1\nb,,2\na,,3\nc,C,4\nc,,5\nc,D,6\nc,,7\n",
            of("product")
        ),
        [
            "name=A sku=1 + Handle=a",
            "sku=2 + Handle=b",
            // The group is known only while its rows stand together.
            "sku=3 + Handle=a",
            "name=C sku=4 + Handle=c",
            "name=C sku=5 + Handle=c",
            "name=D sku=6 + Handle=c",
            "name=D sku=7 + Handle=c",
        ]
    );
}

#[test]
fn a_row_of_a_handle_alone_is_unchanged_unless_it_has_more() {
    assert_eq!(
        outcomes(
            "Handle,Title,SKU,Image Src\na,A,1,\na,,,\na,,2,\nb,,,x\nb,,,\n,,3,\n",
            of("product")
        ),
        [
            "name=A sku=1 + Handle=a",
            "unchanged",
            "name=A sku=2 + Handle=a",
            "unchanged",
            "unchanged",
            "sku=3",
        ]
    );
}
