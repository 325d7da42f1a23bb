//! Files as other products export them (synthetic rows under real headers), through the whole chain.

mod drawn;
mod foreign;
mod foreign_files;

use gateway::facade::imports::Outcome;
use gateway::facade::imports::Refusal;
use gateway::facade::imports::RowStream;
use gateway::facade::imports::{Opening, Reading};
use gateway::facade::records::Object;
use gateway::facade::records::{DateOrder, Spelling};

/// What a file was read as.
#[derive(Debug, PartialEq)]
struct Read {
    encoding: String,
    delimiter: char,
    unmapped: Vec<String>,
    rows: Vec<String>,
}

fn reading(object: &str) -> Reading {
    Reading::of(Object::named(object).expect("the file is as the test says"))
}

fn read_in_pieces(bytes: &[u8], reading: Reading, size: usize) -> Result<Read, Refusal> {
    let mut opening = Some(Opening::new(reading));
    let mut stream: Option<RowStream> = None;
    let mut rows = Vec::new();
    for mut piece in bytes.chunks(size) {
        if let Some(open) = &mut opening
            && let Some(opened) = open.feed(&mut piece)?
        {
            stream = Some(opened);
            opening = None;
        }
        if let Some(stream) = &mut stream {
            drain(stream, piece, &mut rows);
        }
    }
    let mut stream = match opening {
        Some(mut opening) => opening.end()?,
        None => stream.expect("the file is as the test says"),
    };
    stream.end();
    drain(&mut stream, &[], &mut rows);
    Ok(Read {
        encoding: stream.encoding(),
        delimiter: stream.delimiter().into(),
        unmapped: stream.header().unmapped().map(str::to_owned).collect(),
        rows,
    })
}

fn drain(stream: &mut RowStream, mut piece: &[u8], rows: &mut Vec<String>) {
    let object = stream.header().object;
    while let Some(parsed) = stream.next_row(&mut piece) {
        let place = format!("{}@{}", parsed.record.row_number, parsed.record.line_number);
        rows.push(match parsed.outcome {
            Outcome::Unchanged => format!("{place} unchanged"),
            Outcome::Failed(faults) => format!("{place} failed: {faults}"),
            Outcome::Row(row) => {
                let mut line = place;
                for (index, field) in object.fields.iter().enumerate() {
                    if let Some(value) = row.value(index) {
                        line.push_str(&format!(" {}={value}", field.name));
                    }
                }
                for (index, (heading, value)) in row.extras().enumerate() {
                    line.push_str(if index == 0 { " +" } else { "" });
                    line.push_str(&format!(" {heading}={value}"));
                }
                line
            }
        });
    }
    assert!(piece.is_empty());
}

/// Reads a file of `tests/data`, having seen that it reads the same however it is cut.
fn read_as(name: &str, reading: Reading) -> Read {
    let path = format!("{}/tests/it/files/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).expect("the file is as the test says");
    let whole = read_in_pieces(&bytes, reading.clone(), bytes.len()).expect("the file is as the test says");
    for size in [1, 2, 3, 17, 100] {
        assert_eq!(
            read_in_pieces(&bytes, reading.clone(), size).expect("the file is as the test says"),
            whole,
            "pieces of {size}"
        );
    }
    whole
}

fn read(name: &str, object: &str) -> Read {
    read_as(name, reading(object))
}

#[test]
fn hubspot() {
    let contacts = read("hubspot_contacts.csv", "contact");
    assert_eq!(
        contacts.unmapped,
        ["Lead Status", "Create Date", "Associated Company IDs"]
    );
    assert_eq!(
        contacts.rows,
        [
            "1@2 email=ada@example.com first_name=Ada last_name=Lovelace phone=+44 20 7946 0958 \
             account_name=Analytical Engines external_id=101 owner=Sam Hill (sam@example.com) \
             + Lead Status=New Create Date=2025-03-04 10:12 Associated Company IDs=9001;9002",
            "2@3 email=grace@example.org first_name=Grace last_name=Hopper external_id=102 \
             + Create Date=2025-03-05 11:00",
            "3@4 failed: column \"Email\": \"not an email\" is not an email address",
        ]
    );
    let deals = read("hubspot_deals.csv", "deal");
    assert_eq!(
        deals.rows,
        [
            "1@2 name=Acme renewal external_id=5001 amount=1200.50 stage=Contract Sent (Sales Pipeline) \
             close_date=2026-03-31 owner=Sam Hill + Associated Contact=Ada Lovelace \
             Associated Company IDs=9001 Associated Contact IDs=101",
            "2@3 name=Globex pilot external_id=5002 amount=50000 stage=Closed Won (Sales Pipeline) \
             close_date=2026-06-30 contact_email=grace@example.org + Associated Company IDs=9002 \
             Associated Contact IDs=102",
        ]
    );
}

#[test]
fn salesforce() {
    let accounts = read("salesforce_accounts.csv", "account");
    assert_eq!(accounts.unmapped, ["Billing Street"]);
    assert_eq!(
        accounts.rows,
        [
            "1@2 name=Acme domain=acme.com industry=Manufacturing phone=(202) 555-0143 employees=1250 \
             annual_revenue=1200000.50 external_id=001A1 city=Springfield region=Illinois postal_code=62701 \
             country=United States owner=Sam Hill + Billing Street=1 Main St",
            "2@3 failed: column \"Website\": \"n/a\" is not a domain such as acme.com; \
             column \"Employees\": \"many\" is not a number",
        ]
    );
    let contacts = read("salesforce_contacts.csv", "contact");
    assert_eq!(
        contacts.rows,
        [
            "1@2 email=ada@example.com first_name=Ada last_name=Lovelace phone=+44 7700 900123 \
          job_title=Analyst account_name=Analytical Engines external_id=003A1 city=London \
          postal_code=SW1A 1AA country=United Kingdom + Salutation=Ms."
        ]
    );
}

#[test]
fn salesforce_dates_need_their_order_where_it_is_unclear() {
    let unclear = read("salesforce_opportunities.csv", "deal");
    assert_eq!(
        unclear.rows,
        [
            "1@2 name=Acme renewal external_id=006A1 amount=1200.50 stage=Proposal/Price Quote \
             close_date=2026-03-31 account_name=Acme",
            "2@3 failed: column \"Close Date\": \"3/4/2026\" is a date whose day and month can be mixed up; \
             date_order=dmy or mdy tells which is meant",
        ]
    );
    let mut told = reading("deal");
    told.spelling = Spelling::Loose {
        decimal: None,
        date_order: DateOrder::named("mdy"),
    };
    let rows = read_as("salesforce_opportunities.csv", told).rows;
    assert!(rows[1].contains("close_date=2026-03-04"), "{rows:?}");
}

#[test]
fn pipedrive() {
    let people = read("pipedrive_people.csv", "contact");
    assert_eq!(people.unmapped, ["Organization - Phone"]);
    assert_eq!(
        people.rows,
        [
            "1@2 email=ada@example.com first_name=Ada last_name=Lovelace phone=+44 20 7946 0958 \
             job_title=Analyst account_name=Analytical Engines external_id=1 \
             + Pipedrive System ID (Person)=77 Organization - Phone=+44 20 0000 0000",
            "2@3 first_name=Madonna external_id=2 + Pipedrive System ID (Person)=78",
        ]
    );
    let deals = read("pipedrive_deals.csv", "deal");
    assert_eq!(
        deals.rows,
        [
            "1@2 name=Acme renewal external_id=9 amount=1200.50 currency=EUR stage=Proposal pipeline=Sales \
          status=won close_date=2026-03-31 account_name=Acme owner=Sam Hill \
          + Deal - Contact person=Ada Lovelace"
        ]
    );
}

#[test]
fn zoho() {
    let contacts = read("zoho_contacts.csv", "contact");
    assert_eq!(contacts.unmapped, ["Tag", "Tag (2)"]);
    assert!(
        contacts.rows[0].ends_with("owner=Sam Hill + Tag=vip Tag (2)=math"),
        "{:?}",
        contacts.rows
    );
    let deals = read("zoho_deals.csv", "deal");
    assert_eq!(
        deals.rows,
        [
            "1@2 name=Acme renewal external_id=zcrm_9 amount=900 stage=Proposal close_date=2026-03-31 \
          account_name=Acme owner=Sam Hill + Contact Name=Ada Lovelace"
        ]
    );
}

#[test]
fn google_contacts_join_several_values() {
    let contacts = read("google_contacts.csv", "contact");
    assert_eq!(
        contacts.rows,
        [
            "1@2 email=ada@example.com first_name=Ada last_name=Lovelace phone=+44 7700 900123 \
          job_title=Analyst account_name=Analytical Engines city=London postal_code=SW1A 1AA country=UK \
          notes=Wrote\nNote G + E-mail 1 - Value=ada@example.com ::: ada@example.org \
          Phone 1 - Value=+44 7700 900123 ::: +44 20 7946 0958 Middle Name=King Birthday=1815-12-10 \
          Labels=* myContacts E-mail 1 - Label=Work Phone 1 - Label=Mobile"
        ]
    );
}

#[test]
fn outlook_titles_are_no_jobs() {
    let contacts = read("outlook_contacts.csv", "contact");
    assert_eq!(
        contacts.rows,
        [
            "1@2 email=ada@example.com first_name=Ada last_name=Lovelace phone=+44 7700 900123 \
          job_title=Analyst account_name=Analytical Engines city=London + Business Phone=+44 20 7946 0958 \
          Title=Ms. Middle Name=King Business Street=1 Main St Business Country/Region=United Kingdom"
        ]
    );
}

#[test]
fn stripe() {
    let customers = read("stripe_customers.csv", "contact");
    assert_eq!(
        customers.rows,
        [
            "1@2 email=ada@example.com first_name=Ada last_name=Lovelace external_id=cus_1 notes=Pays yearly \
          + Created (UTC)=2025-01-02 03:04 Delinquent=false Total Spend=1,200.00 Payment Count=12 \
          Refunded Volume=0.00 Dispute Losses=0.00 tag (metadata)=vip"
        ]
    );
}

#[test]
fn shopify_variants_take_their_title_and_images_are_no_products() {
    let legacy = read("shopify_legacy.csv", "product");
    assert!(!legacy.unmapped.contains(&"Handle".to_owned()));
    assert_eq!(
        legacy.rows,
        [
            "1@2 name=Teapot sku=POT-W price=24.90 cost=11.20 description=<p>Holds a litre, hot</p> \
             category=Tableware barcode=4006381333931 active=true + Published=TRUE Handle=teapot Vendor=Acme \
             Tags=tea, pot Option1 Name=Colour Option1 Value=White Image Src=https://img.example/1.jpg \
             Image Position=1",
            "2@3 name=Teapot sku=POT-B price=26.90 cost=11.90 + Handle=teapot Option1 Value=Blue \
             Image Src=https://img.example/2.jpg Image Position=2",
            "3@4 unchanged",
            "4@5 name=Teacup sku=CUP-1 price=6.50 cost=2.10 category=Cups active=false + Type=Tableware \
             Published=FALSE Handle=teacup Vendor=Acme Option1 Name=Title Option1 Value=Default Title",
            // A row of no group takes no title; whether it may do without one, its key decides.
            "5@6 sku=LOST-1 price=1 + Option1 Value=Lost",
        ]
    );
    let present = read("shopify_2024.csv", "product");
    assert_eq!(
        present.rows[1],
        "2@3 name=Teapot sku=POT-B price=26.90 + URL handle=teapot Option1 name=Colour Option1 value=Blue"
    );
    assert_eq!(present.rows[2], "3@4 unchanged");
    assert!(present.rows[0].contains("category=Kitchen > Tea barcode=4006381333931 active=true"));
}

#[test]
fn excel_in_german() {
    let contacts = read("excel_de.csv", "contact");
    assert_eq!(
        (contacts.encoding.as_str(), contacts.delimiter),
        ("windows-1252", ';')
    );
    assert_eq!(
        contacts.rows,
        [
            "1@2 email=juergen@müller.example first_name=Jürgen last_name=Müller phone=0421 123 \
             job_title=Geschäftsführer + Straße=Hauptstraße 1; Hof",
            "2@3 email=zoe@example.de first_name=Zoë last_name=Groß",
        ]
    );
    let deals = read("excel_de_deals.csv", "deal");
    assert_eq!((deals.encoding.as_str(), deals.delimiter), ("windows-1252", ';'));
    assert_eq!(
        deals.rows[0],
        "1@3 name=Verlängerung amount=1234.50 currency=EUR close_date=2026-12-31"
    );
    assert!(deals.rows[1].starts_with("2@4 failed: column \"Close Date\": \"03.04.2026\" is a date"));
}

#[test]
fn excel_unicode_text() {
    let contacts = read("excel_unicode.txt", "contact");
    assert_eq!(
        (contacts.encoding.as_str(), contacts.delimiter),
        ("utf-16le", '\t')
    );
    assert_eq!(
        contacts.rows,
        [
            "1@2 email=juergen@example.de first_name=Jürgen last_name=Müller notes=says \"hi\"\tand bye",
            "2@3 email=li@example.cn first_name=李 last_name=明 notes=😀",
        ]
    );
}

#[test]
fn a_marked_file_of_lone_returns() {
    let contacts = read("template_bom.csv", "contact");
    assert_eq!(contacts.encoding, "utf-8");
    assert_eq!(contacts.rows, ["1@2 email=ada@example.com first_name=Ada"]);
}

#[test]
fn quotes_breaks_and_commas_in_cells() {
    let contacts = read("spectrum.csv", "contact");
    assert_eq!(
        contacts.rows,
        [
            "1@2 email=a@x.com first_name=John, Jr. last_name=Doe \
             notes={\"type\": \"Point\", \"coordinates\": [102.0, 0.5]}",
            "2@3 email=b@x.com first_name=Jane \"Dot\" last_name=Roe notes=first line\nsecond line\n\nfourth",
            "3@8 email=c@x.com first_name=\" last_name=ʤ",
            "4@9 email=d@x.com first_name=jo\"hn last_name=Once upon \na time",
        ]
    );
}
