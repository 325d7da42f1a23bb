//! The undo of an import: what is said of records that were left, and an undo that takes long.

use serde_json::json;
use stage::{Desk, SOON, eventually};

use super::pages::fact;
use crate::console::browser::Browser;
use crate::console::every_page::check;

async fn imported(desk: &Desk, file: &str) -> String {
    let job = desk.api.import("object=contact", file.as_bytes()).await.ok(201);
    stage::desk::text(&job, "id")
}

#[tokio::test]
async fn records_that_were_left_are_listed_with_the_reason() {
    let desk = Desk::open().await;
    let id = imported(
        &desk,
        "email,city\nada@example.com,Bonn\ngrace@example.com,Kiel\n",
    )
    .await;
    let contacts = desk.api.get("/v1/crm/contacts?q=ada").await.ok(200);
    let ada = stage::desk::text(&contacts["data"][0], "id");
    desk.api
        .patch_text(&format!("/v1/crm/contacts/{ada}"), r#"{"city": "Rome"}"#)
        .await
        .ok(200);
    let mut browser = Browser::at(&desk).await;
    let path = format!("/integrations/imports/{id}");
    let form_id = browser
        .page(&format!("{path}/undo"))
        .await
        .value("form_id")
        .expect("an id");
    let reply = browser
        .post(&format!("{path}/undo"), &[("form_id", &form_id)])
        .await;
    let page = browser.follow(&reply).await;
    check(&path, &page);
    assert_eq!(
        page.role("status").as_deref(),
        Some("The import was undone, but for a record that was left as it is.")
    );
    assert_eq!(
        (fact(&page, "Removed"), fact(&page, "Left as they are")),
        ("1".into(), "1".into())
    );
    let said = page.one("main").text();
    assert!(
        said.contains(&ada) && said.contains("It was changed since."),
        "{said}"
    );
    assert!(page.saying("a", "Undo import").is_none());
}

#[tokio::test]
async fn an_undo_that_takes_long_goes_on_by_itself() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let id = imported(&desk, "email,city\nada@example.com,Bonn\n").await;
    let mut browser = Browser::at(&desk).await;
    let path = format!("/integrations/imports/{id}");
    let form_id = browser
        .page(&format!("{path}/undo"))
        .await
        .value("form_id")
        .expect("an id");

    // Somebody else holds the record for longer than the page waits.
    let session = database.session().await;
    session
        .batch_execute("begin; select from contacts for update")
        .await
        .expect("a lock");
    let reply = browser
        .post(&format!("{path}/undo"), &[("form_id", &form_id)])
        .await;
    let page = browser.follow(&reply).await;
    check(&path, &page);
    assert_eq!(
        page.role("status").as_deref(),
        Some("The undo has begun, and goes on by itself.")
    );
    assert!(page.one("main").text().contains("The undo is running."));
    assert!(
        page.saying("a", "Undo import").is_none(),
        "it is not asked for twice"
    );
    // The same form again changes nothing.
    let again = browser
        .post(&format!("{path}/undo"), &[("form_id", &form_id)])
        .await;
    assert_eq!(again.status, 409, "{}", again.text());

    session.batch_execute("rollback").await.expect("an end");
    eventually("the undo has ended", SOON, async || {
        let mut browser = browser.clone();
        let page = browser.page(&path).await;
        page.one("main").text().contains("This import was undone.")
    })
    .await;
    assert_eq!(database.count("select count(*) from contacts").await, 0);
}

#[tokio::test]
async fn an_undo_that_broke_off_can_be_gone_on_with() {
    let (_gateway, database, desk) = Desk::own(&[]).await;
    let id = imported(&desk, "email,city\nada@example.com,Bonn\n").await;
    // As a kill between two chunks leaves it.
    let undo = json!({"removed": 0, "restored": 0, "left": [], "at": "2026-11-30T17:25:03.000Z"});
    database.run(&format!("update imports set undo = '{undo}'")).await;
    let mut browser = Browser::at(&desk).await;
    let path = format!("/integrations/imports/{id}");
    let page = browser.page(&path).await;
    check(&path, &page);
    assert!(page.one("main").text().contains("The undo broke off"));
    let link = page
        .saying("a", "Undo import")
        .and_then(|link| link.attribute("href"));
    let link = link.expect("a link");
    let form_id = browser.page(&link).await.value("form_id").expect("an id");
    let reply = browser.post(&link, &[("form_id", &form_id)]).await;
    let page = browser.follow(&reply).await;
    assert_eq!(fact(&page, "Removed"), "1");
    assert_eq!(database.count("select count(*) from contacts").await, 0);
}
