//! Lower-case hexadecimal, the form of key bodies, webhook secrets and signatures.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The lower-case hexadecimal text of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    push(&mut text, bytes);
    text
}

/// Appends the lower-case hexadecimal text of `bytes` to `text`.
pub fn push(text: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
}

/// Whether every byte is one of `0-9a-f`.
pub fn is_lower_hex(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
