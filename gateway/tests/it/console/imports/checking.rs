//! A checked file: its columns in their order with values and reasons, and what is chosen for them.

use stage::Desk;

use super::pages::{actions, choice, fact, upload_file};
use crate::console::browser::Browser;
use crate::console::every_page::check;
use crate::console::html::{Element, Page};

const FIELDS: [(&str, &str); 2] = [("object", "contact"), ("mode", "upsert")];

async fn checked(browser: &mut Browser, file: &str) -> (String, Page) {
    let (checking, _) = actions(browser).await;
    let reply = upload_file(browser, &checking, &FIELDS, "one", file).await;
    let location = reply
        .expect(303)
        .header("location")
        .expect("a location")
        .to_owned();
    let page = browser.page(&location).await;
    check(&location, &page);
    (location, page)
}

/// The rows of the table of that caption, each as its cells.
fn rows(page: &Page, caption: &str) -> Vec<Vec<String>> {
    let tables = page.all("table").into_iter();
    let mut tables = tables.filter(|table| {
        let inside = table.inside();
        let captions = inside.iter().filter(|inner| inner.tag() == "caption");
        captions.map(Element::text).any(|text| text == caption)
    });
    let rows = tables.next().expect(caption).inside().into_iter();
    let rows = rows.filter(|row| row.tag() == "tr").map(|row| {
        let cells = row.inside().into_iter();
        let cells = cells.filter(|cell| matches!(cell.tag().as_str(), "th" | "td"));
        cells.map(|cell| cell.text()).collect()
    });
    rows.skip(1).collect()
}

/// What is selected in the choice for a header.
fn chosen(page: &Page, header: &str) -> String {
    let select = page.by_id(&choice(page, header)).expect("a choice");
    let options = select.inside().into_iter();
    let mut options = options.filter(|option| option.attribute("selected").is_some());
    options.next().map(|option| option.text()).unwrap_or_default()
}

#[tokio::test]
async fn columns_stand_in_the_files_order_with_values_and_reasons() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let file = "Zodiac,Given name,email,Work Email,<b>a</b>\r\n\
                lion,Ada,ada@example.com,,\r\n\
                lion,Grace,grace@example.com,second@example.com,<script>x</script>\r\n\
                crab,,nobody,,\r\n";
    let (location, page) = checked(&mut browser, file).await;
    let columns = rows(&page, "Mapping");
    let headers: Vec<&str> = columns.iter().map(|cells| cells[0].as_str()).collect();
    assert_eq!(
        headers,
        ["Zodiac", "Given name", "email", "Work Email", "<b>a</b>"],
        "the file's order"
    );
    assert_eq!(columns[0][1], "lion crab");
    assert_eq!(columns[2][1], "ada@example.com grace@example.com nobody");
    assert_eq!(columns[4][1], "<script>x</script>");
    assert!(
        columns[0][3].starts_with("No field is known by this header"),
        "{:?}",
        columns[0]
    );
    assert!(
        columns[1][3].starts_with("The header is known as"),
        "{:?}",
        columns[1]
    );
    assert!(
        columns[3][3].contains("It is read where “email” is blank."),
        "{:?}",
        columns[3]
    );
    for (header, expected) in [
        ("Zodiac", "Keep in extra"),
        ("Given name", "first_name"),
        ("email", "email"),
        ("Work Email", "email"),
    ] {
        assert_eq!(chosen(&page, header), expected, "{header}");
    }

    // A header that no field is known by can be given one, and the number follows with a new check.
    assert!(page.saying("button", "Import 2 rows").is_some());
    let id = page.value("form_id").expect("an id");
    let (zodiac, email, second) = (
        choice(&page, "Zodiac"),
        choice(&page, "email"),
        choice(&page, "Work Email"),
    );
    let again = [
        ("form_id", id.as_str()),
        ("check", "again"),
        (zodiac.as_str(), "city"),
        (email.as_str(), "-"),
        (second.as_str(), "email"),
    ];
    let reply = browser.post(&format!("{location}/run"), &again).await;
    let page = browser.follow(&reply).await;
    check("checked again", &page);
    assert_eq!(chosen(&page, "Zodiac"), "city");
    assert_eq!(chosen(&page, "email"), "Leave out");
    let columns = rows(&page, "Mapping");
    assert_eq!(columns[0][3], "Chosen in the mapping.");
    assert!(
        page.saying("button", "Import 2 rows").is_some(),
        "the row without a name and an email fails"
    );
    let id = page.value("form_id").expect("an id");
    let location = reply.header("location").expect("a location").to_owned();
    let selected: Vec<(String, String)> = page
        .all("select")
        .iter()
        .map(|select| {
            let options = select.inside();
            let chosen = options
                .iter()
                .find(|option| option.attribute("selected").is_some());
            let value = chosen
                .or(options.first())
                .and_then(|option| option.attribute("value"));
            (
                select.attribute("name").expect("a name"),
                value.unwrap_or_default(),
            )
        })
        .collect();
    let mut fields = vec![("form_id", id.as_str())];
    fields.extend(
        selected
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let reply = browser.post(&format!("{location}/run"), &fields).await;
    let page = browser.follow(&reply).await;
    assert_eq!(
        (fact(&page, "Created"), fact(&page, "Failed")),
        ("2".into(), "1".into())
    );
    let mapped = rows(&page, "Mapping");
    let headers: Vec<&str> = mapped.iter().map(|cells| cells[0].as_str()).collect();
    assert_eq!(
        headers,
        ["Zodiac", "Given name", "email", "Work Email", "<b>a</b>"]
    );
    let contacts = desk.api.get("/v1/crm/contacts?q=Ada").await.ok(200);
    let ada = &contacts["data"][0];
    assert_eq!(
        (&ada["city"], &ada["email"]),
        (&"lion".into(), &serde_json::Value::Null),
        "{ada}"
    );
}

#[tokio::test]
async fn of_several_columns_for_a_field_the_better_one_goes_on_to_win() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    // The better name stands behind the other.
    let file = "Work Email,Email,City\r\nwork@example.com,own@example.com,Bonn\r\n";
    let (location, page) = checked(&mut browser, file).await;
    let id = page.value("form_id").expect("an id");
    let (work, own, city) = (
        choice(&page, "Work Email"),
        choice(&page, "Email"),
        choice(&page, "City"),
    );
    let chosen = [
        ("form_id", id.as_str()),
        (work.as_str(), "email"),
        (own.as_str(), "email"),
        (city.as_str(), "country"),
    ];
    let reply = browser.post(&format!("{location}/run"), &chosen).await;
    browser.follow(&reply).await;
    let contacts = desk.api.get("/v1/crm/contacts").await.ok(200);
    let contact = &contacts["data"][0];
    assert_eq!(contact["email"], "own@example.com", "{contact}");
    assert_eq!(contact["country"], "Bonn", "{contact}");
}

#[tokio::test]
async fn a_header_that_several_delimiters_cut_can_be_read_by_another() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    // As many names are known under both, and the rows are as even: of equals the pipe comes first.
    let file = "email|city;phone\r\nada@example.com|Bonn;1\r\n";
    let (location, page) = checked(&mut browser, file).await;
    assert_eq!(fact(&page, "Delimiter"), "|");
    let headers = |page: &Page| -> Vec<String> {
        let rows = rows(page, "Mapping").into_iter();
        rows.map(|cells| cells[0].clone()).collect()
    };
    assert_eq!(headers(&page), ["email", "city;phone"]);
    let id = page.value("form_id").expect("an id");
    let email = choice(&page, "email");
    let run = format!("{location}/run");
    let refused = [
        ("form_id", id.as_str()),
        ("check", "again"),
        (email.as_str(), "email"),
        ("mode", "upsert"),
        ("delimiter", "ab"),
    ];
    let reply = browser.post(&run, &refused).await.expect(422);
    let page = Page::parse(reply.text());
    check(&run, &page);
    assert!(
        page.role("alert")
            .is_some_and(|alert| alert.contains("Delimiter"))
    );
    assert_eq!(
        page.value("delimiter").as_deref(),
        Some("ab"),
        "what was typed stays"
    );
    assert_eq!(page.value("form_id").as_deref(), Some(id.as_str()));

    let other = [
        ("form_id", id.as_str()),
        ("check", "again"),
        (email.as_str(), "email"),
        ("mode", "upsert"),
        ("delimiter", ";"),
        ("encoding", ""),
    ];
    let reply = browser.post(&run, &other).await;
    if reply.status == 422 {
        panic!("{}", Page::parse(reply.text()).one("main").text());
    }
    let page = browser.follow(&reply).await;
    check("read otherwise", &page);
    assert_eq!(fact(&page, "Delimiter"), ";");
    assert_eq!(headers(&page), ["email|city", "phone"]);
    assert_eq!(page.value("delimiter").as_deref(), Some(";"));
}

#[tokio::test]
async fn a_file_of_many_columns_shows_the_first_of_them() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let more: Vec<String> = (0..500).map(|number| format!("c{number}")).collect();
    let file = format!(
        "email,{}\r\nada@example.com{}\r\n",
        more.join(","),
        ",x".repeat(500)
    );
    let (location, page) = checked(&mut browser, &file).await;
    assert_eq!(rows(&page, "Mapping").len(), 200);
    assert!(
        page.one("main")
            .text()
            .contains("The first 200 columns are shown.")
    );
    let id = page.value("form_id").expect("an id");
    let first = choice(&page, "c0");
    let chosen = [("form_id", id.as_str()), (first.as_str(), "city")];
    let reply = browser.post(&format!("{location}/run"), &chosen).await;
    browser.follow(&reply).await;
    let contacts = desk.api.get("/v1/crm/contacts").await.ok(200);
    let contact = &contacts["data"][0];
    assert_eq!(
        (&contact["city"], &contact["extra"]["c499"]),
        (&"x".into(), &"x".into()),
        "{contact}"
    );
}

#[tokio::test]
async fn the_number_of_rows_is_that_of_the_last_check_and_of_the_import() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let file = "email,Work Email\nnobody,ada@example.com\nno one,grace@example.com\nhedy@example.com,mary@example.com\n";
    let (location, page) = checked(&mut browser, file).await;
    assert!(page.saying("button", "Import 1 rows").is_some());
    let (first, second) = (choice(&page, "email"), choice(&page, "Work Email"));
    let columns = [(first.as_str(), "-"), (second.as_str(), "email")];
    let id = page.value("form_id").expect("an id");
    let again = [&[("form_id", id.as_str()), ("check", "again")], &columns[..]].concat();
    let reply = browser.post(&format!("{location}/run"), &again).await;
    let page = browser.follow(&reply).await;
    assert!(page.saying("button", "Import 3 rows").is_some());
    let location = reply.header("location").expect("a location").to_owned();
    let id = page.value("form_id").expect("an id");
    let run = [&[("form_id", id.as_str())], &columns[..]].concat();
    let reply = browser.post(&format!("{location}/run"), &run).await;
    let page = browser.follow(&reply).await;
    assert_eq!(
        (page.fact("Created").as_deref(), page.fact("Failed").as_deref()),
        (Some("3"), Some("0"))
    );
}
