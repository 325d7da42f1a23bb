//! The fields of a submitted form.

use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::base::id::next_uuid;
use crate::http::body::RequestBody;
use crate::http::fields::Faults;
use crate::http::problem::Problem;
use crate::http::reply::Reply;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
const MAX_BYTES: usize = 256 << 10;
/// The hidden field of every form: under this key its effect happens once.
const ID: &str = "form_id";

/// A submitted form.
pub struct Form {
    pairs: Vec<(String, String)>,
    digest: [u8; 32],
}

impl Form {
    /// Reads a request's body.
    pub async fn read(body: &mut RequestBody) -> Result<Self, Problem> {
        let bytes = body.read_as(MEDIA_TYPE, MAX_BYTES).await?;
        let mut form = Self::parse(&bytes);
        let mut faults = Faults::default();
        for (name, value) in &mut form.pairs {
            if value.contains('\0') {
                faults.add(format!("body.{name}"), "nul", "must not hold U+0000");
            }
            // A text area's lines end so in every browser (WHATWG HTML, 4.10.22.4).
            *value = value.replace("\r\n", "\n");
        }
        faults.into_result()?;
        Ok(form)
    }

    fn parse(bytes: &[u8]) -> Self {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self {
            pairs: url::form_urlencoded::parse(bytes).into_owned().collect(),
            digest: sum,
        }
    }

    /// The first value of a field; absent is empty.
    pub fn text(&self, name: &str) -> &str {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Whether the form has a field of that name, filled in or not.
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| known == name)
    }

    /// The value of a field without white space around it, if anything is left.
    pub fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// Every value of a field, such as that of a group of boxes.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.pairs.iter().filter(move |(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The form's id; 422 if it is missing or none.
    pub fn id(&self) -> Result<Uuid, Problem> {
        Uuid::try_parse(self.text(ID)).map_err(|_| {
            let mut faults = Faults::default();
            faults.add(
                "body.form_id",
                "invalid",
                "must be the UUID that the form was made with",
            );
            match faults.into_result() {
                Err(problem) => problem,
                Ok(()) => Problem::internal(&"a fault was lost"),
            }
        })
    }

    /// The id to render the form with again, so that its effect stays one.
    pub fn id_text(&self) -> String {
        self.id().map_or_else(|_| new_id(), |id| id.to_string())
    }

    /// The SHA-256 of all that was filled in.
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// The id of what a call of the API has made.
pub fn made_id(reply: &Reply) -> Result<String, Problem> {
    #[derive(serde::Deserialize)]
    struct Made {
        id: String,
    }
    let made: Made = serde_json::from_slice(reply.whole()).map_err(|fault| Problem::internal(&fault))?;
    Ok(made.id)
}

/// The id of a form that is shown for the first time.
pub fn new_id() -> String {
    next_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_by_name() {
        let form = Form::parse(
            b"name=+a%26b&scopes=x&scopes=y&empty=+&form_id=0198c0de-0000-7000-8000-000000000001",
        );
        assert_eq!(form.text("name"), " a&b");
        assert_eq!(form.filled("name"), Some("a&b"));
        assert_eq!(form.all("scopes").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!((form.filled("empty"), form.filled("absent")), (None, None));
        assert!(form.id().is_ok());
        assert!(Form::parse(b"form_id=1").id().is_err());
    }
}
