//! The routes of imports.

use http::Method;

use super::Access::Scopes;
use super::Route;
use crate::base::scope::Scope::{ImportsRead, ImportsWrite};
use crate::http::problem::Code;
use crate::imports::causes::model::Fault;
use crate::imports::kept::order::RunOrder;
use crate::imports::{api, guide, kept, model};

/// All of them.
pub(super) fn import_routes() -> Vec<Route> {
    const READ: super::Access = Scopes(&[ImportsRead]);
    const WRITE: super::Access = Scopes(&[ImportsWrite]);
    let get = |path, summary, handler| Route::new(Method::GET, path, READ, summary, handler);
    let post = |path, summary, handler| Route::new(Method::POST, path, WRITE, summary, handler);
    vec![
        post("/v1/imports", "Import a CSV file", |services, call| {
            Box::pin(api::create_import(services.imports.clone(), call))
        })
        .query(PARAMETERS)
        .replies::<model::Job>(201)
        .errors(&[
            Code::FileRefused,
            Code::TooLarge,
            Code::MediaTypeUnsupported,
            Code::BodyTimeout,
        ])
        .uploads()
        .defers()
        .unbounded(),
        post(
            "/v1/imports/{id}/run",
            "Import the bytes that a dry run kept",
            |services, call| Box::pin(kept::api::run_import(services.imports.clone(), call)),
        )
        .optional_body::<RunOrder>()
        .replies::<model::Job>(201)
        .errors(&[Code::FileGone, Code::FileRefused])
        .defers()
        .unbounded(),
        Route::new(
            Method::DELETE,
            "/v1/imports/{id}/file",
            WRITE,
            "Drop the bytes that a dry run kept",
            |services, call| Box::pin(kept::api::delete_file(services.imports.clone(), call)),
        )
        .no_content(),
        get("/v1/imports", "List imports", |services, call| {
            Box::pin(api::list_imports(services.imports.clone(), call))
        })
        .lists::<model::Job>(),
        get("/v1/imports/{id}", "Get an import", |services, call| {
            Box::pin(api::get_import(services.imports.clone(), call))
        })
        .replies::<model::Job>(200),
        get(
            "/v1/imports/{id}/events",
            "Watch an import, as server-sent events",
            |services, call| Box::pin(api::watch_import(services.imports.clone(), call)),
        )
        .replies_text("text/event-stream"),
        get(
            "/v1/imports/{id}/errors.csv",
            "The rows that failed, as CSV",
            |services, call| Box::pin(api::get_errors(services.imports.clone(), call)),
        )
        .query(&[(
            "original",
            "`true`: with the rows themselves, to be mended and uploaded again.",
        )])
        .replies_text("text/csv")
        .errors(&[Code::ImportPurged]),
        get(
            "/v1/imports/{id}/faults",
            "Why rows failed, the commonest cause first",
            |services, call| Box::pin(api::get_faults(services.imports.clone(), call)),
        )
        .lists_all::<Fault>()
        .errors(&[Code::ImportPurged]),
        post("/v1/imports/{id}/cancel", "Cancel an import", |services, call| {
            Box::pin(api::cancel_import(services.imports.clone(), call))
        })
        .replies::<model::Job>(200),
        post(
            "/v1/imports/{id}/undo",
            "Take an import back",
            |services, call| Box::pin(api::undo_import(services.imports.clone(), call)),
        )
        .replies::<model::Job>(200)
        .errors(&[Code::ImportRunning, Code::ImportPurged])
        .unbounded(),
        get("/v1/imports/objects/{object}", "The column guide", |_, call| {
            Box::pin(async move { guide::get_guide(call) })
        })
        .replies::<guide::Guide>(200),
        get(
            "/v1/imports/objects/{object}/template.csv",
            "A file to begin with",
            |_, call| Box::pin(async move { guide::get_template(call) }),
        )
        .replies_text("text/csv"),
    ]
}

const PARAMETERS: &[(&str, &str)] = &[
    ("object", "`contact`, `account`, `deal` or `product`; required."),
    ("filename", "What the job calls the file."),
    ("mode", "`upsert` (the default), `create` or `update`."),
    ("dry_run", "`true`: everything but keeping it."),
    (
        "keep",
        "`true`, with `dry_run=true`: keep the upload for an hour, for `POST /v1/imports/{id}/run`.",
    ),
    ("mapping", "JSON: header to field, or to null to leave it out."),
    ("encoding", "The file's encoding, a label of the WHATWG's list."),
    ("delimiter", "The character between cells, or `tab`."),
    (
        "match",
        "The one key field that rows are matched by, instead of all of them.",
    ),
    ("date_order", "`mdy` or `dmy`."),
    ("decimal", "`,` or `.`"),
    (
        "events",
        "`each`: every row emits its own event too; `summary` is the default.",
    ),
];
