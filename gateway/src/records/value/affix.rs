//! Removes what surrounds a number's digits: its sign, accounting brackets, a currency's sign or code.

use super::currency;
use super::fault::ValueFault;

/// Currency words that are no ISO codes. The amount is taken, the currency is not: it has a column of
/// its own.
static WORDS: [&str; 24] = [
    "kr", "kr.", "zł", "kč", "ft", "lei", "лв", "лв.", "руб", "руб.", "元", "円", "rm", "rp", "rp.", "rs",
    "rs.", "fr", "fr.", "sfr", "sfr.", "kn", "tl", "din",
];

/// A number without what stands around it.
#[derive(Debug, PartialEq, Eq)]
pub struct Bare<'a> {
    /// Whether a minus, or brackets, stood there.
    pub is_negative: bool,
    /// Digits and the signs between them; not empty.
    pub body: &'a str,
}

/// Takes off `-`, `+`, `(…)`, and one currency mark, on whichever side they stand.
pub fn strip(value: &str) -> Result<Bare<'_>, ValueFault> {
    let bracketed = value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let mut marks = Marks {
        rest: bracketed.unwrap_or(value).trim(),
        sign_count: usize::from(bracketed.is_some()),
        is_negative: bracketed.is_some(),
        currency_count: 0,
    };
    while marks.take_sign() || marks.take_currency() {}
    if marks.sign_count > 1 || marks.currency_count > 1 || marks.rest.is_empty() {
        return Err(ValueFault::NotNumber);
    }
    Ok(Bare {
        is_negative: marks.is_negative,
        body: marks.rest,
    })
}

struct Marks<'a> {
    rest: &'a str,
    sign_count: usize,
    is_negative: bool,
    currency_count: usize,
}

impl Marks<'_> {
    /// Takes one sign from the front, or a trailing minus as SAP writes it.
    fn take_sign(&mut self) -> bool {
        let is_minus = |letter: char| matches!(letter, '-' | '\u{2212}');
        let (rest, is_negative) = if let Some(rest) = self.rest.strip_prefix(is_minus) {
            (rest, true)
        } else if let Some(rest) = self.rest.strip_prefix('+') {
            (rest, false)
        } else if let Some(rest) = self.rest.strip_suffix(is_minus) {
            (rest, true)
        } else {
            return false;
        };
        self.rest = rest.trim();
        self.sign_count += 1;
        self.is_negative |= is_negative;
        true
    }

    fn take_currency(&mut self) -> bool {
        let Some(rest) = without_leading_mark(self.rest).or_else(|| without_trailing_mark(self.rest)) else {
            return false;
        };
        self.rest = rest.trim();
        self.currency_count += 1;
        true
    }
}

/// `$5`, `US$ 5`, `EUR 5`, `Rs. 5` → `5`.
fn without_leading_mark(text: &str) -> Option<&str> {
    let end = text.find(|letter: char| !letter.is_alphabetic())?;
    let (word, rest) = text.split_at(end);
    if let Some(after) = rest.strip_prefix(is_symbol) {
        return (end <= 3).then_some(after);
    }
    if let Some(after) = rest.strip_prefix('.')
        && is_word(&text[..end + 1])
    {
        return Some(after);
    }
    is_word(word).then_some(rest)
}

/// `5 €`, `5 EUR`, `5 kr.` → `5`.
fn without_trailing_mark(text: &str) -> Option<&str> {
    if let Some(before) = text.strip_suffix(is_symbol) {
        return Some(before);
    }
    let is_word_letter = |letter: char| letter.is_alphabetic() || letter == '.';
    let before = text.trim_end_matches(is_word_letter);
    is_word(&text[before.len()..]).then_some(before)
}

fn is_word(word: &str) -> bool {
    // Compared letter by letter in lower case: no word has letters that lower to several.
    let is_same = |known: &&str| {
        let lowered = word.chars().flat_map(char::to_lowercase);
        known.chars().eq(lowered)
    };
    currency::code(word).is_some() || WORDS.iter().any(is_same)
}

/// The signs of Unicode's category Sc that are in use: Latin-1's, the block of currency symbols, the baht.
fn is_symbol(letter: char) -> bool {
    matches!(
        letter,
        '$' | '¢' | '£' | '¤' | '¥' | '฿' | '₠'..='⃏' | '﹩' | '＄' | '￡' | '￥'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(value: &str) -> Option<(bool, &str)> {
        strip(value).ok().map(|bare| (bare.is_negative, bare.body))
    }

    #[test]
    fn marks_on_either_side() {
        for spelled in [
            "5", "+5", "$5", "$ 5", "US$5", "R$ 5", "EUR 5", "EUR5", "5 EUR", "5€", "5 €", "eur 5", "Rs. 5",
            "Rs.5", "5 kr", "5 kr.", "5 zł", "5 KČ", "¥5", "CHF 5",
        ] {
            assert_eq!(bare(spelled), Some((false, "5")), "{spelled}");
        }
        for spelled in [
            "-5", "- 5", "−5", "5-", "(5)", "( 5 )", "($5)", "-$5", "$-5", "$(5)", "(5 €)", "EUR -5",
            "-5 EUR",
        ] {
            let expected = if spelled == "$(5)" {
                None
            } else {
                Some((true, "5"))
            };
            assert_eq!(
                bare(spelled).filter(|(_, body)| *body == "5"),
                expected,
                "{spelled}"
            );
        }
    }

    #[test]
    fn no_second_sign_or_mark_and_no_other_word() {
        for bad in ["--5", "(-5)", "-5-", "$5 €", "", "-", "$", "EUR"] {
            assert_eq!(bare(bad), None, "{bad}");
        }
        for left in ["5 apples", "5k", "5%", "abc 5"] {
            assert_eq!(bare(left), Some((false, left)));
        }
    }
}
