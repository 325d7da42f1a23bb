//! A file of contacts imported, again, and with every row changed, against `psql \\copy` of the good rows into an equal
//! table with the same indexes.
//!
//! The calibrator is given for nothing what the gateway has to work out: the file without its bad rows, the key and the
//! words of each row as columns, ids that rise. It finds no duplicate, reports nothing and can take nothing back.

use crate::run::ledger::Ledger;
use crate::run::stage::Stage;
use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;
use tokio::net::TcpStream;

/// One row in so many has an address that is none.
const BAD_EVERY: u32 = 100;
const CALIBRATOR: &str = "
    drop table if exists calibrator;
    drop sequence if exists calibrator_ids;
    create sequence calibrator_ids cache 1000;
    create table calibrator (like contacts including all) with (fillfactor = 90);
    alter table calibrator alter workspace_id set default 1, alter updated_at set default now(),
        alter id set default ('01900000-0000-7000-8' || lpad(to_hex(nextval('calibrator_ids')), 15, '0'))::uuid;
    checkpoint";

pub async fn measure(stage: &Stage, ledger: &mut Ledger, rows: u32) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("bench-import-").tempdir()?;
    let good = folder.path().join("good.csv");
    std::fs::write(&good, contacts(rows, "Rome", true))?;
    let bad_rows = (0..rows).filter(|&row| is_bad(row)).count();
    let expected = f64::from(rows) - bad_rows as f64;
    stage.cluster.psql("truncate contacts").await?;
    stage.cluster.psql(CALIBRATOR).await?;
    stage.settle().await?;
    let copy = copy(stage, &good).await?;
    ledger.note("import.copy_s", copy);

    let file = contacts(rows, "Rome", false);
    stage.cluster.psql("checkpoint").await?;
    stage.settle().await?;
    stage.gateway.forget_memory_peak()?;
    let idle = stage.gateway.usage()?;
    let cpu = stage.cpu_seconds()?.gateway;
    let new = import(stage, file.clone(), "rows_created", expected).await?;
    let cpu = stage.cpu_seconds()?.gateway - cpu;
    ledger.note("import.new_s", new);
    // Rows a second of the same number of rows: the ratio of the times, turned over.
    ledger.note("import.new_ratio", copy / new);
    ledger.note("import.gateway_cpu_us", cpu * 1e6 / f64::from(rows));

    stage.cluster.psql("checkpoint").await?;
    stage.settle().await?;
    let same = import(stage, file, "rows_unchanged", expected).await?;
    ledger.note("import.same_s", same);
    ledger.note("import.same_ratio", copy / same);

    let changed = contacts(rows, "Oslo", false);
    stage.cluster.psql("checkpoint").await?;
    stage.settle().await?;
    let updated = import(stage, changed, "rows_updated", expected).await?;
    ledger.note("import.updated_s", updated);
    ledger.note("import.updated_ratio", copy / updated);
    let peak = stage.gateway.usage()?.rss_peak_mb;
    ledger.note("import.rss_growth_mb", peak - idle.rss_mb);
    Ok(())
}

async fn copy(stage: &Stage, file: &Path) -> Result<f64> {
    let columns = "key, words, email, first_name, last_name, phone, job_title, account_name, city, notes";
    let command = format!(
        "\\copy calibrator ({columns}) from '{}' csv header",
        file.display()
    );
    let started = Instant::now();
    stage.cluster.psql(&command).await?;
    Ok(started.elapsed().as_secs_f64())
}

/// Imports a file and checks its counts, for a wrong answer is fast too.
async fn import(stage: &Stage, file: String, count: &str, expected: f64) -> Result<f64> {
    let started = Instant::now();
    let stream = TcpStream::connect(stage.gateway.api).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = Request::post("/v1/imports?object=contact")
        .header("host", "bench")
        .header("authorization", format!("Bearer {}", stage.gateway.key))
        .header("content-type", "text/csv")
        .body(Full::new(bytes::Bytes::from(file)))?;
    let reply = sender.send_request(request).await?.into_body().collect().await?;
    let elapsed = started.elapsed().as_secs_f64();
    driver.abort();
    let job: Value = serde_json::from_slice(&reply.to_bytes())?;
    let found = job[count].as_f64().context("a job")?;
    if job["status"] != "completed" || (found - expected).abs() > f64::EPSILON {
        bail!("expected {expected} {count}: {job}");
    }
    Ok(elapsed)
}

const fn is_bad(row: u32) -> bool {
    row % BAD_EVERY == 77
}

/// Synthetic people in no order of their addresses, three in five with a quoted note.
fn contacts(rows: u32, city: &str, is_calibrator: bool) -> String {
    let mut text = String::with_capacity(120 * rows as usize);
    if is_calibrator {
        text.push_str("Key,Words,");
    }
    text.push_str("Email,First Name,Last Name,Phone,Job Title,Company,City,Notes\n");
    for row in 0..rows {
        // 7919 is prime: every number comes once, unless the rows are a multiple of it.
        let who = u64::from(row) * 7_919 % u64::from(rows);
        let at = if is_bad(row) { "-at-" } else { "@" };
        if is_calibrator && is_bad(row) {
            continue;
        }
        let (domain, first, last, company) = (who % 997, who % 5_000, who % 7_000, who % 3_000);
        let digits = who % 10_000;
        if is_calibrator {
            let words = [
                format!("person{who}"),
                format!("example{domain}"),
                "com".to_owned(),
                format!("first{first}"),
                format!("last{last}"),
                "company".to_owned(),
                company.to_string(),
                "1".to_owned(),
                "202".to_owned(),
                "555".to_owned(),
                format!("{digits:04}"),
                format!("1202555{digits:04}"),
            ];
            let words: Vec<String> = words.iter().map(|word| format!("'1:{word}'")).collect();
            let _ = write!(text, "0person{who}@example{domain}.com,{},", words.join(" "));
        }
        let note = match row % 5 {
            0..3 => format!("\"quoted, with a comma {row}\""),
            _ => format!("plain note {row}"),
        };
        let _ = writeln!(
            text,
            "person{who}{at}example{domain}.com,First{first},Last{last},+1 202 555 {digits:04},Engineer,\
             Company {company},{city} {},{note}",
            row % 500
        );
    }
    text
}
