//! The bytes of a key, from the text of a secret.

use super::encoding;
use crate::base::secret::Secret;
use crate::connectors::definition::KeyForm;

/// Prefixes of keys of Standard Webhooks: symmetric and public.
const STANDARD_PREFIXES: [&str; 2] = ["whsec_", "whpk_"];

/// The key, or `None` where the secret is not of this form: then it verifies nothing. An empty secret is none, since anybody
/// can sign with it.
pub(super) fn bytes(form: KeyForm, secret: &Secret<String>) -> Option<Secret<Vec<u8>>> {
    let text = secret.expose().as_str();
    let key = match form {
        KeyForm::Utf8 => text.as_bytes().to_vec(),
        KeyForm::Hex => encoding::hex(text.to_ascii_lowercase().as_bytes())?,
        KeyForm::Base64 => encoding::base64(text.as_bytes())?,
        KeyForm::Whsec => {
            let mut prefixes = STANDARD_PREFIXES.iter();
            let body = prefixes.find_map(|prefix| text.strip_prefix(prefix))?;
            encoding::base64(body.as_bytes())?
        }
    };
    (!key.is_empty()).then(|| Secret::new(key))
}
