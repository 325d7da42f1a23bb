//! The one table of errors: code, status, title, and what helps. docs/errors.md is generated from it. The form is RFC
//! 9457, `application/problem+json`.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{ALLOW, CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::request_id::RequestId;

macro_rules! problems {
    ($($code:ident $name:literal $status:literal $title:literal $retry:literal $advice:literal;)*) => {
        /// A kind of error, as clients distinguish them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $title] $code),* }

        impl Code {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$code),*];

            /// The public name, the problem's `code`.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$code => $name),* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Code::$code => $status),* }
            }

            /// The problem's `title`.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$code => $title),* }
            }

            /// Whether the same request may succeed later.
            pub const fn is_retryable(self) -> bool {
                match self { $(Code::$code => $retry),* }
            }

            /// What helps.
            pub const fn advice(self) -> &'static str {
                match self { $(Code::$code => $advice),* }
            }
        }
    };
}

problems! {
    BadRequest "bad_request" 400 "The request is not valid HTTP" false "Send either Content-Length or Transfer-Encoding, and valid header values.";
    MalformedJson "malformed_json" 400 "The body is not valid JSON" false "Send UTF-8 JSON without doubled keys, at most 128 levels deep.";
    MalformedBody "malformed_body" 400 "The body cannot be read as the source's vendor sends it" false "Its signature holds. Compare the body and its Content-Type with what the connector reads.";
    KeyMissing "key_missing" 401 "No API key was sent" false "Send `Authorization: Bearer sk_…`.";
    KeyInvalid "key_invalid" 401 "The API key is not valid" false "Check the key for missing characters, or create a new one.";
    KeyExpired "key_expired" 401 "The API key has expired" false "Create a new key; rotate keys before they expire.";
    KeyRevoked "key_revoked" 401 "The API key was revoked" false "Create a new key; the audit trail names who revoked this one.";
    ScopeMissing "scope_missing" 403 "The API key lacks a scope" false "Use a key that holds the scope named in `detail`.";
    SignatureMissing "signature_missing" 401 "The request carries no signature" false "Set the source's secrets, and have the sender sign; GET /v1/sources/{id} says which secret is missing.";
    SignatureInvalid "signature_invalid" 401 "The signature does not hold" false "Compare the secret with the sender's. A proxy between must change neither body nor headers.";
    SignatureStale "signature_stale" 401 "The signature holds, and its timestamp is too far from now" false "Set the sender's clock; requests are signed anew at each attempt.";
    SessionMissing "session_missing" 401 "Nobody is signed in" false "Sign in at /integrations/sign-in and send the form again.";
    IpNotAllowed "ip_not_allowed" 403 "The API key may not be used from this address" false "Add the address to the key's allow-list; behind a load balancer set server.trusted_proxies.";
    HandshakeRefused "handshake_refused" 403 "The handshake is refused" false "Compare the verify token with the source's; an echoed value holds no markup and at most 1 KiB.";
    CrossOrigin "cross_origin" 403 "The form was sent from another site" false "Use the console's own pages. A proxy has to keep Host, or server.public_url has to name the address that browsers see.";
    HttpsRequired "https_required" 403 "The console is served over https alone" false "Use https, or set console.require_https = false.";
    NotFound "not_found" 404 "No such path or resource" false "Check the path and the id; ids of other workspaces are not found.";
    MethodNotAllowed "method_not_allowed" 405 "The method is not allowed here" false "The `Allow` header names the methods.";
    BodyTimeout "body_timeout" 408 "The body did not arrive in time" true "Send the body without long pauses, batches and uploads at 4 KiB/s or more.";
    KeyTaken "key_taken" 409 "Another record has this key" false "Update the record named by `id`, or post with `?upsert=true`.";
    TypeTaken "type_taken" 409 "The event type exists" false "Use the existing type.";
    KeyEnded "key_ended" 409 "The API key has ended" false "Only a live key can be rotated; create a new one.";
    WebhookDisabled "webhook_disabled" 409 "The webhook is disabled" false "Enable it first.";
    RuleDisabled "rule_disabled" 409 "The rule is disabled" false "Enable it first.";
    ImportRunning "import_running" 409 "The import is still running" true "Wait for its end, or cancel it first.";
    ImportPurged "import_purged" 409 "The import's undo log and failed rows are no longer kept" false "Undo an import, and fetch its errors.csv, within imports.retention_days.";
    FileGone "file_gone" 409 "The uploaded file is not kept any more" false "Send the file again; dry_run=true&keep=true keeps it for an hour.";
    ConnectionInUse "connection_in_use" 409 "The connection is used" false "Delete the rules and sources that use it first, or give them another one.";
    ConnectionNotReady "connection_not_ready" 409 "The connection is not ready" false "Finish it first: `status` and `status_detail` of the connection say what is missing.";
    NotAuthorizable "not_authorizable" 409 "There is nothing to authorize" false "Only connections of kind oauth2 are authorized by a person; the others hold what was given.";
    ConsoleDisabled "console_disabled" 409 "The console is switched off" false "Set console.enabled = true.";
    HandshakeNotPending "handshake_not_pending" 409 "No handshake waits to be confirmed" false "Have the vendor send its handshake first; GET /v1/sources/{id} shows it.";
    ReceiptPurged "receipt_purged" 409 "The request is not kept" false "Only refused requests with a body of up to 16 KiB are kept, the newest 20 of a source.";
    IdempotencyRunning "idempotency_running" 409 "A request with this Idempotency-Key is still running" true "Wait for the first request and send this one again.";
    LinkEnded "link_ended" 410 "The sign-in link was used or has expired" false "Print a new one with `gateway console-link`, or ask whoever sent it for another.";
    SourceDisabled "source_disabled" 410 "The source is disabled" false "Enable it by PATCH /v1/sources/{id}.";
    TooLarge "too_large" 413 "The body is too large" false "Send less at once.";
    MediaTypeUnsupported "media_type_unsupported" 415 "The media type is not supported" false "Set the Content-Type that the API names.";
    HostUnknown "host_unknown" 421 "The console is not served under this host" false "Use the listen address or a loopback name, or set server.public_url.";
    ValidationFailed "validation_failed" 422 "The request is not valid" false "`errors` names each fault and its place.";
    FileRefused "file_refused" 422 "The file cannot be read as a table" false "`detail` names what was found and what was expected.";
    CursorInvalid "cursor_invalid" 422 "The cursor is not valid for this list" false "Use `next_cursor` as it was given, with the same filters.";
    IdempotencyMismatch "idempotency_mismatch" 422 "The Idempotency-Key was used for another request" false "Use a new key for a new request.";
    UrlInvalid "url_invalid" 422 "The URL is not valid for a webhook" false "Use http or https, a host, and no user name.";
    UrlForbiddenAddress "url_forbidden_address" 422 "The URL leads to an address that is not allowed" false "Use a public address, or have the operator allow it in webhooks.allow_cidrs.";
    RateLimited "rate_limited" 429 "Too many requests" true "Wait as `Retry-After` says.";
    Internal "internal" 500 "Something went wrong on our side" true "Quote `request_id` to the operator, whose log has the cause.";
    Unavailable "unavailable" 503 "The service is not available at the moment" true "Retry after `Retry-After`; `detail` says whether anything was done. If that is not known, check, or send the request again with its Idempotency-Key: it is done only once.";
}

/// One fault of a request that is well formed but not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldFault {
    /// Where, such as `body.events[0]`, `query.limit` or `header.idempotency-key`.
    pub location: String,
    /// What kind of fault, for programs.
    pub code: &'static str,
    /// What is expected, for people.
    pub message: String,
}

/// An error reply.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldFault>,
    /// The id of the other record in a conflict.
    id: Option<String>,
    headers: HeaderMap,
    /// The internal cause: for the log, never for the client.
    cause: Option<String>,
}

impl Problem {
    /// A problem of kind `code`; `detail` is about this request and reveals nothing internal.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut headers = HeaderMap::new();
        if code == Code::Unavailable {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            id: None,
            headers,
            cause: None,
        }))
    }

    /// 404 for anything that does not exist or belongs to another workspace.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "No such resource in this workspace.")
    }

    /// 503 with `Retry-After`.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unavailable, detail)
    }

    /// 503 for a change whose result is unknown, for the reason `why`; says how to find out.
    pub fn outcome_unknown(why: &str) -> Self {
        Self::unavailable(format!(
            "{why}, so whether this was done is not known. Send it again with the same Idempotency-Key: it is \
             done only once. Without a key, check before you send it again."
        ))
    }

    /// 500; the cause goes only to the log.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        Self::new(Code::Internal, "The cause is in the log under this request_id.").caused_by(cause)
    }

    /// Adds what went wrong inside, for the log.
    pub fn caused_by(mut self, cause: &dyn std::fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// What went wrong inside.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// 422 with every fault.
    pub fn invalid(errors: Vec<FieldFault>) -> Self {
        Self::invalid_as(Code::ValidationFailed, errors)
    }

    /// 422 with every fault, under a more specific code.
    pub fn invalid_as(code: Code, errors: Vec<FieldFault>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.location, only.message),
            many => format!("{} faults; see `errors`.", many.len()),
        };
        let mut problem = Self::new(code, detail);
        problem.0.errors = errors;
        problem
    }

    /// 401 as RFC 6750 wants it: an error code only if a credential was sent.
    pub fn unauthorized(code: Code, detail: &'static str) -> Self {
        let challenge = match code {
            Code::KeyMissing => "Bearer realm=\"gateway\"",
            _ => "Bearer realm=\"gateway\", error=\"invalid_token\"",
        };
        Self::new(code, detail).with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 403 that names the missing scopes.
    pub fn scope_missing(names: &str) -> Self {
        let challenge = format!("Bearer realm=\"gateway\", error=\"insufficient_scope\", scope=\"{names}\"");
        let problem = Self::new(Code::ScopeMissing, format!("This needs the scope {names}."));
        match HeaderValue::from_str(&challenge) {
            Ok(value) => problem.with_header(WWW_AUTHENTICATE, value),
            Err(_) => problem,
        }
    }

    /// 405 with the methods that are allowed.
    pub fn method_not_allowed(allow: &str) -> Self {
        let problem = Self::new(Code::MethodNotAllowed, format!("Allowed here: {allow}."));
        match HeaderValue::from_str(allow) {
            Ok(value) => problem.with_header(ALLOW, value),
            Err(_) => problem,
        }
    }

    /// 429 for a key that is used too often.
    pub fn rate_limited(per_second: u32, wait: Duration) -> Self {
        let detail = format!("This key may make {per_second} requests a second.");
        Self::new(Code::RateLimited, detail).limited_by("key", per_second, wait)
    }

    /// 429 for a network from which too many wrong keys come.
    pub fn too_many_failures(per_second: u32, wait: Duration) -> Self {
        let detail = "Too many keys from your network were refused. Valid keys are not affected.";
        Self::new(Code::RateLimited, detail).limited_by("failures", per_second, wait)
    }

    /// 429 for a source that is sent to too often.
    pub fn too_many_requests(per_second: u32, wait: Duration) -> Self {
        let detail = format!("This source takes {per_second} requests a second on each instance.");
        Self::new(Code::RateLimited, detail).limited_by("source", per_second, wait)
    }

    /// 429 for a network from which too many wrong signatures come.
    pub fn too_many_bad_signatures(per_second: u32, wait: Duration) -> Self {
        let detail =
            "Too many requests from your network were refused. Those whose signature holds are not affected.";
        Self::new(Code::RateLimited, detail).limited_by("failures", per_second, wait)
    }

    /// 429 for a sentry that is reported to too often.
    pub fn too_many_reports(per_second: u32, wait: Duration) -> Self {
        let detail = format!("One sentry takes {per_second} reports a second on each instance.");
        Self::new(Code::RateLimited, detail).limited_by("reports", per_second, wait)
    }

    /// 429 for a network that asks for public pages too often.
    pub fn too_many_views(per_second: u32, wait: Duration) -> Self {
        let detail = format!("Your network may make {per_second} requests a second without a key.");
        Self::new(Code::RateLimited, detail).limited_by("network", per_second, wait)
    }

    /// Adds the wait in whole seconds and the IETF draft-10 fields.
    fn limited_by(mut self, policy: &str, per_second: u32, wait: Duration) -> Self {
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        let headers = &mut self.0.headers;
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        for (name, text) in [
            ("ratelimit", format!("\"{policy}\";r=0;t={seconds}")),
            ("ratelimit-policy", format!("\"{policy}\";q={per_second};w=1")),
        ] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        self
    }

    /// Adds a header to the reply.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Names the other record in a conflict.
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.0.id = Some(id.into());
        self
    }

    /// Ends the connection after the reply, for requests whose body is not read to its end.
    pub fn closing(self) -> Self {
        self.with_header(CONNECTION, HeaderValue::from_static("close"))
    }

    /// What is wrong, in one line: every fault with its place, or the detail.
    pub fn summary(&self) -> String {
        if self.0.errors.is_empty() {
            return self.0.detail.to_string();
        }
        let faults = self
            .0
            .errors
            .iter()
            .map(|fault| format!("{}: {}", fault.location, fault.message));
        faults.collect::<Vec<_>>().join("; ")
    }

    /// The faults of a request that is not valid.
    pub fn faults(&self) -> &[FieldFault] {
        &self.0.errors
    }

    /// What is wrong with this request.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The kind of error.
    pub const fn code(&self) -> Code {
        self.0.code
    }

    /// The reply's headers beside its content type.
    pub fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(&mut self.0.headers)
    }

    /// The status of the reply.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The reply's body.
    pub fn to_json(&self, request_id: &RequestId) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: &'static str,
            status: u16,
            detail: &'a str,
            code: &'static str,
            request_id: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [FieldFault],
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<&'a str>,
        }
        let code = self.0.code;
        let body = Body {
            r#type: format!("urn:gateway:problem:{}", code.name()),
            title: code.title(),
            status: code.status(),
            detail: &self.0.detail,
            code: code.name(),
            request_id: request_id.as_str(),
            errors: &self.0.errors,
            id: self.0.id.as_deref(),
        };
        // Strings and numbers alone cannot fail to serialise.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// Words as a sentence for `detail`: with a capital letter and a full stop.
pub fn sentence(words: impl std::fmt::Display) -> String {
    let mut sentence = words.to_string();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence.push('.');
    sentence
}
