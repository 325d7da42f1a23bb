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
    /// Whether a sign and a dash stood for its cents (`49,-`), so that all signs in the body group.
    pub is_without_cents: bool,
    /// Digits and the signs between them; not empty.
    pub body: &'a str,
}

/// Takes off `-`, `+`, `(…)`, the dash of an amount without cents, and one currency mark, on whichever side they stand.
pub fn strip(value: &str) -> Result<Bare<'_>, ValueFault> {
    let mut marks = Marks {
        rest: value,
        sign_count: 0,
        is_negative: false,
        dash_count: 0,
        currency_count: 0,
    };
    while marks.take_dash() || marks.take_brackets() || marks.take_sign() || marks.take_currency() {}
    let is_doubled = marks.sign_count > 1 || marks.currency_count > 1 || marks.dash_count > 1;
    if is_doubled || marks.rest.is_empty() {
        return Err(ValueFault::NotNumber);
    }
    Ok(Bare {
        is_negative: marks.is_negative,
        is_without_cents: marks.dash_count > 0,
        body: marks.rest,
    })
}

struct Marks<'a> {
    rest: &'a str,
    sign_count: usize,
    is_negative: bool,
    dash_count: usize,
    currency_count: usize,
}

impl Marks<'_> {
    /// Takes `,-` or `.-` from the end, which stand for no cents: `49,-`, `1'299.–`, `49,--`. They are no minus.
    fn take_dash(&mut self) -> bool {
        let is_dash = |letter: char| matches!(letter, '-' | '\u{2012}'..='\u{2015}' | '\u{2212}');
        let Some(shorter) = self.rest.strip_suffix(is_dash) else {
            return false;
        };
        let shorter = shorter.strip_suffix(is_dash).unwrap_or(shorter);
        let Some(amount) = shorter.strip_suffix([',', '.']) else {
            return false;
        };
        if !amount.ends_with(|letter: char| letter.is_ascii_digit()) {
            return false;
        }
        self.rest = amount;
        self.dash_count += 1;
        true
    }

    /// Takes an accountant's brackets, which are a minus: `(5)`, `$(5)`.
    fn take_brackets(&mut self) -> bool {
        let inside = self
            .rest
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'));
        let Some(inside) = inside else {
            return false;
        };
        self.rest = inside.trim();
        self.sign_count += 1;
        self.is_negative = true;
        true
    }

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
            "-5", "- 5", "−5", "5-", "(5)", "( 5 )", "($5)", "-$5", "$-5", "$(5)", "(5 €)", "(5) €",
            "EUR (5)", "EUR -5", "-5 EUR",
        ] {
            assert_eq!(bare(spelled), Some((true, "5")), "{spelled}");
        }
    }

    #[test]
    fn a_sign_and_a_dash_are_no_cents_and_no_minus() {
        for spelled in [
            "5,-",
            "5.-",
            "5,– €",
            "5,—",
            "5.--",
            "CHF 5.-",
            "5,-EUR",
            "€ 5,-",
            "+5,-",
            "5,- kr.",
            "Fr. 5.–",
        ] {
            let bare = strip(spelled).unwrap();
            assert!(
                bare.is_without_cents && !bare.is_negative && bare.body == "5",
                "{spelled}"
            );
        }
        for spelled in ["-5,-", "(5,-)", "(5,- €)", "-€5,-", "CHF -5.-"] {
            let bare = strip(spelled).unwrap();
            assert!(
                bare.is_without_cents && bare.is_negative && bare.body == "5",
                "{spelled}"
            );
        }
        assert!(!strip("5.00-").unwrap().is_without_cents);
        assert!(strip(",-").is_err() || strip(",-").unwrap().body == ",");
    }

    #[test]
    fn no_second_sign_or_mark_and_no_other_word() {
        for bad in [
            "--5", "(-5)", "-5-", "-(5)", "((5))", "()", "$5 €", "$($5)", "", "-", "$", "EUR",
        ] {
            assert_eq!(bare(bad), None, "{bad}");
        }
        for left in ["5 apples", "5k", "5%", "abc 5"] {
            assert_eq!(bare(left), Some((false, left)));
        }
    }
}
