//! Numbers: exact decimals and whole numbers, out of every spelling that IMPORT-RULES.md lists.
//!
//! A number is read in two steps: what stands around it comes off ([`affix`]), then its digits are
//! gathered into a fixed buffer with the place of the decimal sign. No floating point is involved.

use super::affix;
use super::fault::ValueFault;
use super::spelling::{DecimalSign, Spelling};

/// Most digits before the decimal sign.
pub const MAX_WHOLE_DIGITS: usize = 18;
/// Most digits after it.
pub const MAX_FRACTION_DIGITS: i32 = 6;
/// Most digits of a spelling, leading and trailing zeros included.
const MAX_SPELLED_DIGITS: usize = 64;
/// Most digits before, between or after signs for thousands.
const MOST_GROUPED: usize = 3;

/// Appends the decimal as PostgreSQL's `numeric` writes it: no leading zeros, the fraction's trailing
/// zeros kept (`1200.50`).
pub fn parse_decimal(value: &str, spelling: Spelling, out: &mut String) -> Result<(), ValueFault> {
    let mut digits = read(value, spelling, false)?;
    digits.drop_zeros_beyond(MAX_FRACTION_DIGITS);
    if digits.scale > MAX_FRACTION_DIGITS {
        return Err(ValueFault::TooPrecise);
    }
    digits.write(out)
}

/// Appends the whole number; `12.00` is 12. `1.234` and `1,234` can be read both ways, and are so only where the decimal
/// sign is told.
pub fn parse_integer(value: &str, spelling: Spelling, out: &mut String) -> Result<(), ValueFault> {
    let mut digits = read(value, spelling, true)?;
    digits.drop_zeros_beyond(0);
    if digits.scale > 0 {
        return Err(ValueFault::NotWhole);
    }
    digits.write(out)
}

/// A number as digits: its value is `±digits × 10^-scale`.
struct Digits {
    is_negative: bool,
    digits: [u8; MAX_SPELLED_DIGITS],
    count: usize,
    scale: i32,
}

impl Digits {
    /// Drops zeros at the end of a fraction until `scale` digits are left.
    fn drop_zeros_beyond(&mut self, scale: i32) {
        while self.scale > scale && self.count > 0 && self.digits[self.count - 1] == b'0' {
            self.count -= 1;
            self.scale -= 1;
        }
        if self.count == 0 {
            self.scale = self.scale.min(scale);
        }
    }

    fn write(&self, out: &mut String) -> Result<(), ValueFault> {
        let digits = &self.digits[..self.count];
        let fraction_count = self.scale.max(0) as usize;
        let (whole, fraction) = digits.split_at(self.count.saturating_sub(fraction_count));
        let leading_zeros = whole.iter().take_while(|digit| **digit == b'0').count();
        let whole = &whole[leading_zeros..];
        // A scale below zero, which only an exponent makes, is zeros after the digits.
        let zeros = if whole.is_empty() {
            0
        } else {
            (-self.scale).max(0) as usize
        };
        if whole.len() + zeros > MAX_WHOLE_DIGITS {
            return Err(ValueFault::TooLarge);
        }
        if self.is_negative && digits.iter().any(|digit| *digit != b'0') {
            out.push('-');
        }
        if whole.is_empty() {
            out.push('0');
        }
        out.extend(whole.iter().map(|digit| *digit as char));
        out.extend(std::iter::repeat_n('0', zeros));
        if fraction_count > 0 {
            out.push('.');
            out.extend(std::iter::repeat_n('0', fraction_count - fraction.len()));
            out.extend(fraction.iter().map(|digit| *digit as char));
        }
        Ok(())
    }
}

fn read(value: &str, spelling: Spelling, is_whole: bool) -> Result<Digits, ValueFault> {
    match spelling {
        Spelling::Exact => {
            let (is_negative, body) = match value.strip_prefix('-') {
                Some(rest) => (true, rest),
                None => (false, value),
            };
            let (body, exponent) = split_exponent(body)?;
            gather(
                is_negative,
                body,
                exponent,
                Signs {
                    decimal: Some('.'),
                    grouping: Grouping::None,
                },
            )
        }
        Spelling::Loose { decimal, .. } => {
            let bare = affix::strip(value)?;
            let (body, exponent) = split_exponent(bare.body)?;
            if bare.is_without_cents {
                return gather(bare.is_negative, body, exponent, Signs::of_groups(body)?);
            }
            if is_whole && decimal.is_none() && has_one_sign_before_three_digits(body) {
                return Err(ValueFault::UnclearThousands);
            }
            gather(bare.is_negative, body, exponent, Signs::found_in(body, decimal)?)
        }
    }
}

/// `1.5E+3` → `1.5` and 3. JSON numbers and Excel's wide columns have exponents.
fn split_exponent(body: &str) -> Result<(&str, i32), ValueFault> {
    let Some((mantissa, exponent)) = body.split_once(['e', 'E']) else {
        return Ok((body, 0));
    };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_short_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_short_number || !mantissa.ends_with(|c: char| c.is_ascii_digit()) {
        return Err(ValueFault::NotNumber);
    }
    let exponent = exponent.parse().map_err(|_| ValueFault::NotNumber)?;
    Ok((mantissa, exponent))
}

/// Which characters of a body stand for what.
struct Signs {
    decimal: Option<char>,
    grouping: Grouping,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Grouping {
    None,
    By(char),
    /// White space or apostrophes, of whichever kind.
    Quiet,
}

impl Signs {
    /// Those of a body without a fraction: all of them group.
    fn of_groups(body: &str) -> Result<Signs, ValueFault> {
        let grouping = match (
            body.contains('.'),
            body.contains(','),
            body.contains(is_quiet_sign),
        ) {
            (false, false, false) => Grouping::None,
            (true, false, false) => Grouping::By('.'),
            (false, true, false) => Grouping::By(','),
            (false, false, true) => Grouping::Quiet,
            _ => return Err(ValueFault::UnclearSigns),
        };
        let decimal = None;
        Ok(Signs { decimal, grouping })
    }

    /// The rules of IMPORT-RULES.md, "Numbers".
    fn found_in(body: &str, given: Option<DecimalSign>) -> Result<Signs, ValueFault> {
        let points = body.matches('.').count();
        let commas = body.matches(',').count();
        let is_quiet = body.contains(is_quiet_sign);
        let decimal = match given {
            Some(DecimalSign::Point) => Some('.'),
            Some(DecimalSign::Comma) => Some(','),
            None => match (points, commas) {
                (0, 0) => None,
                (0, 1) if is_thousands(body) => None,
                (0, 1) => Some(','),
                (1, 0) => Some('.'),
                (0, _) | (_, 0) => None,
                _ if body.rfind('.') > body.rfind(',') => Some('.'),
                _ => Some(','),
            },
        };
        let other = match decimal {
            Some('.') => (commas > 0).then_some(','),
            Some(_) => (points > 0).then_some('.'),
            None if commas > 0 => Some(','),
            None => (points > 0).then_some('.'),
        };
        let grouping = match (other, is_quiet) {
            (Some(_), true) => return Err(ValueFault::UnclearSigns),
            (Some(sign), false) => Grouping::By(sign),
            (None, true) => Grouping::Quiet,
            (None, false) => Grouping::None,
        };
        Ok(Signs { decimal, grouping })
    }

    fn is_group_sign(&self, letter: char) -> bool {
        match self.grouping {
            Grouping::None => false,
            Grouping::By(sign) => letter == sign,
            Grouping::Quiet => is_quiet_sign(letter),
        }
    }
}

/// One to three digits that do not begin with 0, a comma, and three digits.
fn is_thousands(body: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let split = body.split_once(',');
    split.is_some_and(|(before, after)| {
        is_digits(before)
            && (1..=MOST_GROUPED).contains(&before.len())
            && !before.starts_with('0')
            && is_digits(after)
            && after.len() == 3
    })
}

/// One point or comma in all, and exactly three digits after it.
fn has_one_sign_before_three_digits(body: &str) -> bool {
    let is_sign = |byte: &u8| matches!(byte, b'.' | b',');
    let mut parts = body.as_bytes().split(is_sign);
    let (Some(_), Some(after), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    after.len() == 3 && after.iter().all(u8::is_ascii_digit)
}

/// Swiss apostrophes and the spaces of French, Scandinavian and SI writing.
fn is_quiet_sign(letter: char) -> bool {
    matches!(
        letter,
        '\'' | '\u{2019}' | ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}'
    )
}

fn gather(is_negative: bool, body: &str, exponent: i32, signs: Signs) -> Result<Digits, ValueFault> {
    let mut number = Digits {
        is_negative,
        digits: [0; MAX_SPELLED_DIGITS],
        count: 0,
        scale: -exponent,
    };
    let mut is_fraction = false;
    // Digits since the last group sign; `None` before the first.
    let mut group: Option<usize> = None;
    for letter in body.chars() {
        if letter.is_ascii_digit() {
            if number.count == MAX_SPELLED_DIGITS {
                return Err(ValueFault::TooLarge);
            }
            number.digits[number.count] = letter as u8;
            number.count += 1;
            number.scale += i32::from(is_fraction);
            group = group.map(|digits| digits + usize::from(!is_fraction));
        } else if Some(letter) == signs.decimal && !is_fraction {
            is_fraction = true;
        } else if signs.is_group_sign(letter) && !is_fraction && number.count > 0 {
            // Two digits a group is how India writes lakhs; the last group always has three.
            let is_unclear = match group {
                None => number.count > MOST_GROUPED || number.digits[0] == b'0',
                Some(digits) => !(2..=MOST_GROUPED).contains(&digits),
            };
            if is_unclear {
                return Err(ValueFault::UnclearSigns);
            }
            group = Some(0);
        } else if Some(letter) == signs.decimal || signs.is_group_sign(letter) {
            return Err(ValueFault::UnclearSigns);
        } else {
            return Err(ValueFault::NotNumber);
        }
    }
    match group {
        Some(digits) if digits != 3 => Err(ValueFault::UnclearSigns),
        _ if number.count == 0 => Err(ValueFault::NotNumber),
        _ => Ok(number),
    }
}

#[cfg(test)]
#[path = "number_tests.rs"]
mod tests;
