//! One attempt: ask the destination for the request, send it within the time limit, and report the answer.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use tokio::time::timeout;

use super::outcome::Tried;
use crate::base::clock::Millis;
use crate::delivery::log::Attempt;
use crate::outbound::client::Client;
use crate::outbound::connections::Connections;
use crate::outbound::exchange::Progress;
use crate::outbound::fault::{SendError, SendFault};
use crate::outbound::target::Target;

/// After this long an attempt is slow.
const SLOW: Duration = Duration::from_millis(500);

/// What an attempt sends, where to, and for how long it waits for the answer.
pub struct Call<'a, M> {
    pub target: &'a Target,
    pub connections: &'a Connections,
    /// Makes the request.
    pub make: M,
    pub limit: Duration,
    /// The attempt's number, from 1.
    pub number: u16,
    /// When it began.
    pub at: Millis,
}

/// Makes an attempt; it takes at most the call's time limit. One that is slow has `on_slow` done meanwhile.
///
/// Every event pays for the size of this future, and for its timer.
pub async fn attempt(
    client: &Client,
    call: Call<'_, impl Fn() -> Request<Full<Bytes>>>,
    on_slow: impl AsyncFnOnce(),
) -> Tried {
    let started = Instant::now();
    let Call {
        limit, number, at, ..
    } = call;
    let mut progress = Progress::default();
    let (ended, total) = {
        let sending = client.send(call.target, call.connections, call.make, &mut progress);
        let mut sending = pin!(sending);
        match timeout(SLOW.min(limit), sending.as_mut()).await {
            Ok(ended) => (Ok(ended), started.elapsed()),
            Err(_) => {
                let left = limit.saturating_sub(started.elapsed());
                let rest = async { (timeout(left, sending).await, started.elapsed()) };
                // Side by side: what is done meanwhile may wait, and the receiver's time does not run while it does.
                let (ended, ()) = tokio::join!(rest, on_slow());
                ended
            }
        }
    };
    let ended = match ended {
        Ok(Ok(())) => None,
        Ok(Err(SendError { fault, detail })) => Some((error_code(fault), detail)),
        Err(_) => Some(("timeout", None)),
    };
    judge(number, at, total, progress, ended)
}

/// The error's code and, where more is known, its reason.
type Ended = Option<(&'static str, Option<Box<str>>)>;

fn judge(number: u16, at: Millis, total: Duration, progress: Progress, ended: Ended) -> Tried {
    let (status, headers) = progress.head.unzip();
    // Once there is a status it decides, also when the rest of the answer never came.
    let (error_code, error_detail) = match status {
        Some(status) if status.is_success() => (None, None),
        Some(_) => (Some("http_status"), None),
        None => {
            let (code, detail) = ended.unwrap_or(("bad_answer", None));
            (Some(code), detail)
        }
    };
    let retry_after = match (status, &headers) {
        (Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE), Some(headers)) => {
            retry_after(headers, at)
        }
        _ => None,
    };
    // PostgreSQL's text holds no NUL.
    let text = String::from_utf8_lossy(&progress.body).replace('\0', "\u{fffd}");
    Tried {
        attempt: Attempt {
            number,
            at,
            status_code: status.map(|status| status.as_u16()),
            error_code,
            error_detail,
            response_body: status.map(|_| text),
            dns_ms: progress.dns.map(millis),
            connect_ms: progress.connect.map(millis),
            tls_ms: progress.tls.map(millis),
            first_byte_ms: progress.first_byte.map(millis),
            total_ms: millis(total),
            request: None,
            revision: None,
            result: None,
        },
        headers,
        retry_after,
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); nonsense is ignored.
fn retry_after(headers: &HeaderMap, now: Millis) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let since_epoch = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(now.0.unsigned_abs());
    since_epoch.checked_sub(now)
}

const fn error_code(fault: SendFault) -> &'static str {
    match fault {
        SendFault::DnsFailed => "dns_failed",
        SendFault::AddressForbidden => "address_forbidden",
        SendFault::ConnectFailed => "connect_failed",
        SendFault::TlsFailed => "tls_failed",
        SendFault::Closed => "closed",
        SendFault::BadAnswer => "bad_answer",
    }
}

/// Milliseconds to the microsecond.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::Config;

    fn answered(status: u16, retry: Option<&'static str>, ended: Ended) -> Tried {
        let mut headers = HeaderMap::new();
        if let Some(retry) = retry {
            headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static(retry));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        let mut progress = Progress {
            head: Some((status, headers)),
            ..Progress::default()
        };
        progress.body.extend_from_slice(b"a\0b");
        judge(1, Millis(0), Duration::from_millis(1), progress, ended)
    }

    #[test]
    fn the_status_decides() {
        assert!(answered(204, None, Some(("timeout", None))).is_success());
        assert!(answered(200, None, Some(("closed", None))).is_success());
        let redirect = answered(302, None, None);
        assert_eq!(redirect.attempt.error_code, Some("http_status"));
        assert_eq!(redirect.attempt.response_body.as_deref(), Some("a\u{fffd}b"));
        assert!(answered(410, None, None).is_gone());
        let none = judge(
            2,
            Millis(0),
            Duration::ZERO,
            Progress::default(),
            Some(("timeout", None)),
        );
        assert_eq!(none.attempt.error_code, Some("timeout"));
        assert_eq!(none.attempt.status_code, None);
    }

    #[test]
    fn retry_after_counts_on_429_and_503_alone() {
        let wait = |status, text| answered(status, Some(text), None).retry_after;
        assert_eq!(wait(429, "7"), Some(Duration::from_secs(7)));
        assert_eq!(
            wait(503, "Thu, 01 Jan 1970 00:00:09 GMT"),
            Some(Duration::from_secs(9))
        );
        assert_eq!(wait(500, "7"), None);
        for nonsense in ["-1", "soon", "1.5", ""] {
            assert_eq!(wait(429, nonsense), None, "{nonsense}");
        }
    }

    /// A recorder that is full makes the lease of a slow attempt wait; the answer is read meanwhile.
    #[tokio::test]
    async fn a_wait_of_ours_is_no_timeout_of_the_receivers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            tokio::time::sleep(SLOW + Duration::from_millis(200)).await;
            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
            stream.write_all(answer).await.expect("written");
            stream
        });
        let allowed = "[webhooks]\nallow_cidrs = [\"127.0.0.1/32\"]";
        let config = Config::parse(allowed, []).expect("a configuration");
        let client = Client::new(&config.webhooks).expect("a client");
        let target = Target::parse(&format!("http://{address}/")).expect("a target");
        let make = || {
            let request = Request::post("/").header(http::header::HOST, "x");
            request.body(Full::default()).expect("a request")
        };
        let call = Call {
            target: &target,
            connections: &Connections::default(),
            make,
            limit: SLOW * 4,
            number: 1,
            at: Millis(0),
        };
        let tried = attempt(&client, call, async || tokio::time::sleep(SLOW * 5).await).await;
        assert_eq!(tried.attempt.error_code, None);
        assert!(tried.attempt.total_ms < 2_000.0, "our wait is not counted");
        drop(answering.await);
    }
}
