//! A file from its check to the undo of its import, by forms alone.

use http::Method;
use stage::{Desk, Reply};

use crate::console::browser::Browser;
use crate::console::every_page::check;
use crate::console::html::Page;

const LIST: &str = "/integrations/imports";
const NEW: &str = "/integrations/imports/new";
const FILE: &str = "email,Given name,<b>note</b>\r\nada@example.com,Ada,x\r\nnobody,<img src=x>,y\r\ngrace@example.com,Grace,z\r\n";

async fn upload(browser: &mut Browser, action: &str, fields: &[(&str, &str)], boundary: &str) -> Reply {
    upload_file(browser, action, fields, boundary, FILE).await
}

/// Sends a form with a file as a browser does, boundary and all.
pub async fn upload_file(
    browser: &mut Browser,
    action: &str,
    fields: &[(&str, &str)],
    boundary: &str,
    file: &str,
) -> Reply {
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str(&format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"people.csv\"\r\n\
         Content-Type: text/csv\r\n\r\n{file}\r\n--{boundary}--\r\n"
    ));
    let call = browser
        .call(Method::POST, action)
        .header("sec-fetch-site", "same-origin");
    let media_type = format!("multipart/form-data; boundary={boundary}");
    call.body(&media_type, body).send().await
}

/// Where the form of a new import leads: to a check, and without one.
pub async fn actions(browser: &mut Browser) -> (String, String) {
    let page = browser.page(NEW).await;
    let checking = page.saying("button", "Check file").expect("a button");
    assert!(checking.attribute("formaction").is_none());
    let forms = page.all("form");
    let form = forms
        .iter()
        .find(|form| form.attribute("enctype").as_deref() == Some("multipart/form-data"));
    let button = page.saying("button", "Import without checking");
    (
        form.and_then(|form| form.attribute("action")).expect("an action"),
        button
            .and_then(|button| button.attribute("formaction"))
            .expect("an action"),
    )
}

/// What the choice for a header is called.
pub fn choice(page: &Page, header: &str) -> String {
    let label = page.saying("label", header).expect("a label");
    label.attribute("for").expect("a choice")
}

/// What a page says of a fact.
pub fn fact(page: &Page, name: &str) -> String {
    let term = page.saying("dt", name).expect("a term");
    let rows = page.all("div").into_iter();
    let mut rows =
        rows.filter(|row| row.inside().first().map(crate::console::html::Element::text) == Some(term.text()));
    rows.next().expect("a fact").inside()[1].text()
}

#[tokio::test]
async fn a_file_is_checked_imported_and_undone() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let fields = [
        ("form_id", "x"),
        ("object", "contact"),
        ("mode", "upsert"),
        ("delimiter", ""),
    ];

    let (checking, _) = actions(&mut browser).await;
    let checked = upload(&mut browser, &checking, &fields, "one").await;
    let location = checked.header("location").expect("a location").to_owned();
    let page = browser.follow(&checked).await;
    check(&location, &page);
    assert_eq!(page.one("h1").text(), "people.csv");
    assert_eq!(fact(&page, "Status"), "completed");
    assert!(page.one("main").text().contains("nothing was changed"));
    assert_eq!(
        (fact(&page, "Created"), fact(&page, "Failed")),
        ("2".into(), "1".into())
    );
    assert!(page.saying("button", "Import 2 rows").is_some() && page.saying("a", "Discard").is_some());
    let said = page.one("main").text();
    assert!(
        said.contains("email_invalid") && said.contains("Row 2: nobody"),
        "{said}"
    );

    // Again with a column left out, then for good; a double click is one import.
    let id = page.value("form_id").expect("an id");
    let run = format!("{location}/run");
    let (email, name) = (choice(&page, "email"), choice(&page, "Given name"));
    let again = [
        ("form_id", id.as_str()),
        ("check", "again"),
        (email.as_str(), "email"),
    ];
    let again = browser.post(&run, &again).await;
    let page = browser.follow(&again).await;
    assert_ne!(again.header("location"), Some(location.as_str()));
    let id = page.value("form_id").expect("an id");
    let chosen = [
        ("form_id", id.as_str()),
        (email.as_str(), "email"),
        (name.as_str(), "first_name"),
    ];
    let first = browser.post(&run, &chosen).await;
    let second = browser.post(&run, &chosen).await;
    assert_eq!(first.header("location"), second.header("location"));
    let page = browser.follow(&first).await;
    let location = first.header("location").expect("a location").to_owned();
    check(&location, &page);
    assert_eq!(
        (fact(&page, "Created"), fact(&page, "Failed")),
        ("2".into(), "1".into())
    );
    assert!(page.saying("a", "Download errors").is_some());
    let repair = page.saying("a", "Download repair file").expect("a link");
    let repair = browser
        .get(&repair.attribute("href").expect("a path"))
        .await
        .expect(200);
    assert!(repair.text().contains("nobody"), "{}", repair.text());
    assert!(
        repair
            .header("content-disposition")
            .is_some_and(|how| how.starts_with("attachment"))
    );
    let bars = page.all("progress");
    assert_eq!(
        bars[0].attribute("aria-label").as_deref(),
        Some("Import progress")
    );

    let undo = page
        .saying("a", "Undo import")
        .and_then(|link| link.attribute("href"));
    let undo = undo.expect("a link");
    let page = browser.page(&undo).await;
    check(&undo, &page);
    assert_eq!(page.one("h1").text(), "Undo people.csv?");
    let id = page.value("form_id").expect("an id");
    let undone = browser.post(&undo, &[("form_id", &id)]).await;
    let page = browser.follow(&undone).await;
    assert_eq!(page.role("status").as_deref(), Some("The import was undone."));
    assert!(page.saying("a", "Undo import").is_none());
    let contacts = desk.api.get("/v1/crm/contacts").await.ok(200);
    assert_eq!(contacts["data"].as_array().map(Vec::len), Some(0));

    let page = browser.page(LIST).await;
    check(LIST, &page);
    assert_eq!(
        page.one("tbody")
            .inside()
            .iter()
            .filter(|row| row.tag() == "tr")
            .count(),
        3
    );
    assert!(page.one("tbody").text().contains("66.6 %"));
}

#[tokio::test]
async fn a_form_sent_twice_is_one_import_and_a_wrong_one_keeps_what_was_filled_in() {
    let desk = Desk::open().await;
    let mut browser = Browser::at(&desk).await;
    let (_, importing) = actions(&mut browser).await;
    let fields = [("form_id", "x"), ("object", "contact"), ("mode", "update")];
    let wrong = [fields[0], fields[1], fields[2], ("encoding", "morse")];
    let reply = upload(&mut browser, &importing, &wrong, "one").await.expect(422);
    let page = Page::parse(reply.text());
    check(NEW, &page);
    assert!(
        page.role("alert")
            .is_some_and(|text| text.contains("There is a problem") && text.contains("Encoding"))
    );
    assert_eq!(page.value("encoding").as_deref(), Some("morse"));
    let first = upload(&mut browser, &importing, &fields, "one").await.expect(303);
    let second = upload(&mut browser, &importing, &fields, "two").await.expect(303);
    assert_eq!(first.header("location"), second.header("location"));
    let page = browser.follow(&first).await;
    assert_eq!(fact(&page, "Failed"), "3");
    upload(&mut browser, NEW, &fields, "one").await.expect(422);

    // Someone else's import is none.
    let other = Desk::open().await;
    let path = first.header("location").expect("a location");
    let mut stranger = Browser::with_key(desk.api.address, other.api.key.as_deref().expect("a key")).await;
    for path in [
        path.to_owned(),
        format!("{path}/undo"),
        format!("{path}/errors.csv"),
        format!("{path}/discard"),
    ] {
        assert_eq!(stranger.get(&path).await.status, 404, "{path}");
    }
    let template = browser
        .get("/integrations/imports/template/deal")
        .await
        .expect(200);
    assert!(template.text().contains("name"));
}
