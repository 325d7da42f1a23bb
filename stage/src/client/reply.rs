//! A reply, and what the contract says of every one.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("visible ASCII"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|fault| panic!("{fault}: {} {:?}", self.status, self.body))
    }

    /// The JSON body of a reply that must have this status.
    #[track_caller]
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:?}", self.body);
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// A reply without a body.
    #[track_caller]
    pub fn no_content(&self) {
        assert_eq!(self.status, 204, "{:?}", self.body);
        assert!(self.body.is_empty());
    }

    /// The same reply, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The problem, in the form that the contract gives every one, with this status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.refusal(status);
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }

    /// The problem with this status, whatever its code.
    #[track_caller]
    pub fn refusal(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:?}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        for field in ["type", "title", "detail", "code"] {
            assert!(
                problem[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field}: {problem}"
            );
        }
        assert_eq!(
            problem["request_id"].as_str(),
            self.header("x-request-id"),
            "{problem}"
        );
        problem
    }

    /// The places of a validation problem's faults, sorted.
    #[track_caller]
    pub fn faults(&self, code: &str) -> Vec<String> {
        let problem = self.problem(422, code);
        let errors = problem["errors"].as_array().expect("errors").clone();
        let mut places = Vec::new();
        for error in errors {
            for field in ["location", "code", "message"] {
                assert!(
                    error[field].as_str().is_some_and(|text| !text.is_empty()),
                    "{field}: {problem}"
                );
            }
            places.push(error["location"].as_str().expect("text").to_owned());
        }
        places.sort();
        places
    }

    /// Checks that a request is refused for exactly these places.
    #[track_caller]
    pub fn refused_at(&self, places: &[&str]) {
        assert_eq!(self.faults("validation_failed"), places, "{:?}", self.body);
    }
}
