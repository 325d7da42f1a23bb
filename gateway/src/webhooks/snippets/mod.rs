//! Code with which receivers verify what they get: whole files, ready to be tried at a command line and copied from.
//!
//! The files stand beside this one as they are sent, so that tests and readers run the very bytes. No secret is in any
//! of them: each reads `WEBHOOK_SECRET` from its environment.

use serde::Serialize;

use crate::base::id::WebhookId;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::webhooks::api::Webhooks;
use crate::webhooks::store;

/// A file that verifies one signature in one language.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Snippet {
    /// `shell`, `python`, `node`, `go`, `rust` or `java`.
    pub language: &'static str,
    /// `x-sentinel-signature` or `standard-webhooks`.
    pub signature: &'static str,
    pub filename: &'static str,
    /// The field of the webhook whose value `WEBHOOK_SECRET` has to hold: `secret` or `standard_secret`.
    pub secret_field: &'static str,
    pub code: &'static str,
}

const fn sentinel(language: &'static str, filename: &'static str, code: &'static str) -> Snippet {
    Snippet {
        language,
        signature: "x-sentinel-signature",
        filename,
        secret_field: "secret",
        code,
    }
}

const fn standard(language: &'static str, filename: &'static str, code: &'static str) -> Snippet {
    Snippet {
        language,
        signature: "standard-webhooks",
        filename,
        secret_field: "standard_secret",
        code,
    }
}

macro_rules! snippets {
    ($($signature:ident $language:literal $filename:literal;)*) => {
        &[$($signature($language, $filename, include_str!($filename))),*]
    };
}

/// All of them.
pub const ALL: &[Snippet] = snippets! {
    sentinel "shell" "verify_sentinel.sh";
    standard "shell" "verify_standard.sh";
    sentinel "python" "verify_sentinel.py";
    standard "python" "verify_standard.py";
    sentinel "node" "verify_sentinel.mjs";
    standard "node" "verify_standard.mjs";
    sentinel "go" "verify_sentinel.go";
    standard "go" "verify_standard.go";
    sentinel "rust" "verify_sentinel.rs";
    standard "rust" "verify_standard.rs";
    sentinel "java" "VerifySentinel.java";
    standard "java" "VerifyStandard.java";
};

#[derive(Serialize)]
struct Listing {
    data: &'static [Snippet],
}

/// `GET /v1/webhooks/{id}/verify-snippets`.
pub async fn list_verify_snippets(webhooks: Webhooks, call: Call) -> Result<Reply, Problem> {
    let id: WebhookId = call.id()?;
    let client = webhooks.db.client().await?;
    let found = store::find(&client, call.caller.workspace, id).await?;
    found.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    Reply::ok(&Listing { data: ALL })
}
