//! Numbers compared by their value and exactly: `1`, `1.0` and `10e-1` are equal, and no two that differ are, however
//! long they are. A float would take `9007199254740993` for `9007199254740992`.

/// A JSON number in the one form that its value has: 0.d₁d₂… × 10^exponent with d₁ and the last digit not 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    is_negative: bool,
    digits: Box<str>,
    exponent: i64,
}

impl Decimal {
    /// Reads a JSON number; `None` if its exponent is beyond any use.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let significant = all.trim_start_matches('0');
        let leading = i64::try_from(all.len() - significant.len()).ok()?;
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self {
                is_negative: false,
                digits: "".into(),
                exponent: 0,
            });
        }
        let whole = i64::try_from(whole.len()).ok()?;
        Some(Self {
            is_negative,
            digits: digits.into(),
            exponent: exponent.checked_add(whole)?.checked_sub(leading)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn equal(one: &str, other: &str) -> bool {
        Decimal::parse(one).expect(one) == Decimal::parse(other).expect(other)
    }

    #[test]
    fn equal_by_value() {
        for other in ["1", "1.0", "1e0", "10e-1", "0.1E+1", "1.000", "0.0001e4"] {
            assert!(equal("1", other), "{other}");
        }
        for zero in ["0", "-0", "0.0", "-0.00e5", "0e999999"] {
            assert!(equal("0", zero), "{zero}");
        }
        assert!(equal("1200.50", "1200.5"));
        assert!(equal("1e400", "10e399"));
        assert!(equal("1000", "1e3"));
        for (one, other) in [
            ("1", "-1"),
            ("1", "10"),
            ("9007199254740992", "9007199254740993"),
            ("0.1", "0.10000000000000001"),
            ("1e400", "1e401"),
        ] {
            assert!(!equal(one, other), "{one} {other}");
        }
        assert_eq!(Decimal::parse("1e99999999999999999999"), None);
        assert_eq!(Decimal::parse("1e9223372036854775807"), None);
    }

    proptest! {
        #[test]
        fn integers_are_equal_to_their_other_spellings(number: i64, zeros in 0_usize..20) {
            let text = number.to_string();
            let padded = "0".repeat(zeros);
            let with_fraction = format!("{text}.0{padded}");
            prop_assert!(equal(&text, &with_fraction));
            let with_exponent = format!("{text}{padded}e-{zeros}");
            prop_assert!(equal(&text, &with_exponent));
            let next = number.wrapping_add(1).to_string();
            prop_assert!(!equal(&text, &next));
        }

        #[test]
        fn floats_that_differ_differ(one in -1e15..1e15_f64, other in -1e15..1e15_f64) {
            prop_assert_eq!(equal(&format!("{one}"), &format!("{other:e}")), one == other);
        }
    }
}
