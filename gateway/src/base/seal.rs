//! Secrets at rest: encrypted with AES-256-GCM, so that the database alone does not reveal them.
//!
//! A sealed value is `version (1) | key id (4) | nonce (12) | ciphertext and tag`. The key id is the first
//! four bytes of the key's SHA-256: it identifies the key that opens a row and reveals nothing else. The
//! secret's owner is the associated data, so that a value moved to another row does not open.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::base::secret::Secret;

const VERSION: u8 = 1;
const KEY_ID_LEN: usize = 4;
const HEAD_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;

/// Why a value could not be sealed or opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    #[error("the secret was sealed with another key (id {0})")]
    OtherKey(String),
    #[error("the sealed secret is damaged or belongs to another row")]
    Damaged,
    #[error("the system's random source failed")]
    Random,
}

/// One sealing key.
pub struct SealingKey {
    key: LessSafeKey,
    id: [u8; KEY_ID_LEN],
}

impl SealingKey {
    /// The key of these 32 bytes.
    pub fn new(bytes: &Secret<[u8; 32]>) -> Self {
        let sum = digest(&SHA256, bytes.expose());
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(&sum.as_ref()[..KEY_ID_LEN]);
        // The length is that of the algorithm, the only thing that is checked.
        #[allow(clippy::expect_used)]
        let key = UnboundKey::new(&AES_256_GCM, bytes.expose()).expect("32 bytes make a key");
        Self {
            key: LessSafeKey::new(key),
            id,
        }
    }

    /// Seals `plain` for the row that `owner` names.
    pub fn seal(&self, owner: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut sealed = Vec::with_capacity(HEAD_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(&nonce);
        let mut text = plain.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner), &mut text)
            .map_err(|_| SealError::Damaged)?;
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Whether a value says that it was sealed with this key.
    pub fn has_sealed(&self, sealed: &[u8]) -> bool {
        sealed.first() == Some(&VERSION) && sealed.get(1..=KEY_ID_LEN) == Some(&self.id)
    }

    /// Opens what [`seal`](Self::seal) made for the same `owner`.
    pub fn open(&self, owner: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let (head, text) = sealed.split_at_checked(HEAD_LEN).ok_or(SealError::Damaged)?;
        let (version_and_id, nonce) = head.split_at(1 + KEY_ID_LEN);
        if version_and_id[0] != VERSION {
            return Err(SealError::Damaged);
        }
        if version_and_id[1..] != self.id {
            return Err(SealError::OtherKey(crate::base::hex::encode(
                &version_and_id[1..],
            )));
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut text = text.to_vec();
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(owner), &mut text)
            .map_err(|_| SealError::Damaged)?;
        Ok(Secret::new(plain.to_vec()))
    }
}

/// Bytes from the system's secure source.
pub fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| SealError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_for_its_owner_and_key_alone() {
        let key = SealingKey::new(&Secret::new([7; 32]));
        let sealed = key.seal(b"wh_1", b"attack at dawn").expect("seals");
        assert!(!sealed.windows(6).any(|part| part == b"attack"));
        let opened = key.open(b"wh_1", &sealed).expect("opens");
        assert_eq!(opened.expose(), b"attack at dawn");
        assert_eq!(key.open(b"wh_2", &sealed), Err(SealError::Damaged));
        let other = SealingKey::new(&Secret::new([8; 32]));
        assert!(matches!(
            other.open(b"wh_1", &sealed),
            Err(SealError::OtherKey(_))
        ));
        assert_eq!(key.open(b"wh_1", &sealed[..10]), Err(SealError::Damaged));
        let mut bent = sealed;
        bent[HEAD_LEN] ^= 1;
        assert_eq!(key.open(b"wh_1", &bent), Err(SealError::Damaged));
    }
}
