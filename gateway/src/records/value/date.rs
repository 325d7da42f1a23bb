//! Dates: ISO 8601, and in cells the national ways whose day and month can be told apart.

use std::fmt::Write as _;

use super::fault::ValueFault;
use super::spelling::{DateOrder, Spelling};

/// Appends `YYYY-MM-DD`. Of a date with a time the day is taken as it stands: a close date has no zone.
pub fn parse(value: &str, spelling: Spelling, out: &mut String) -> Result<(), ValueFault> {
    let (year, month, day) = match spelling {
        Spelling::Exact => exact_day(value)?,
        Spelling::Loose { date_order, .. } => {
            let (day, time) = split_time(value);
            if !is_time(time) {
                return Err(ValueFault::NotDate);
            }
            loose_day(day, date_order)?
        }
    };
    if !is_in_calendar(year, month, day) {
        return Err(ValueFault::NoSuchDay);
    }
    // A `String` takes every write.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
    Ok(())
}

type Day = (u16, u16, u16);

fn exact_day(value: &str) -> Result<Day, ValueFault> {
    let bytes = value.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return Err(ValueFault::NotDate);
    }
    let part = |from, to| value.get(from..to).and_then(digits);
    match (part(0, 4), part(5, 7), part(8, 10)) {
        (Some(year), Some(month), Some(day)) => Ok((year, month, day)),
        _ => Err(ValueFault::NotDate),
    }
}

/// The day, and what follows its `T`, space or comma.
fn split_time(value: &str) -> (&str, &str) {
    let is_gap = |letter: char| matches!(letter, 'T' | 't' | ',') || letter.is_whitespace();
    match value.find(is_gap) {
        Some(end) => (&value[..end], &value[end..]),
        None => (value, ""),
    }
}

/// Whether the rest of a cell is a time of day: `T10:00:00.5+02:00`, ` 3:45 PM`, `T10Z`, `T235959Z`. Anything else, a
/// second date for one, is not to be dropped in silence.
fn is_time(rest: &str) -> bool {
    if rest.is_empty() {
        return true;
    }
    let is_gap = |letter: char| matches!(letter, 'T' | 't' | ',') || letter.is_whitespace();
    let time = rest.trim_start_matches(is_gap);
    let is_clock_letter = |letter: char| letter.is_ascii_digit() || matches!(letter, ':' | '.' | ',');
    let clock_end = time.find(|letter| !is_clock_letter(letter)).unwrap_or(time.len());
    let (clock, zone) = time.split_at(clock_end);
    is_clock(clock) && is_half_and_zone(zone)
}

/// `10`, `10:00`, `10:00:00`, `100000`, each with a fraction.
fn is_clock(clock: &str) -> bool {
    let (whole, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, "0"));
    let is_number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut parts = whole.split(':');
    let hour = parts.next().unwrap_or_default();
    let is_basic = is_number(hour, 4..=4) || is_number(hour, 6..=6);
    let is_hour = is_number(hour, 1..=2) || (is_basic && !whole.contains(':'));
    is_hour
        && parts.clone().count() <= 2
        && parts.all(|part| is_number(part, 2..=2))
        && is_number(fraction, 1..=9)
}

/// ` PM`, `Z`, ` UTC`, ` CEST`, `+02:00`, ` PM +0200`.
fn is_half_and_zone(rest: &str) -> bool {
    let mut rest = rest.trim_start();
    for half in ["am", "pm", "a.m.", "p.m."] {
        let begins = rest
            .get(..half.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(half));
        if begins {
            rest = rest[half.len()..].trim_start();
            break;
        }
    }
    let name_end = rest
        .find(|letter: char| !letter.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    let offset = rest[name_end..].trim_start();
    let is_offset = |offset: &str| {
        let digits = offset.strip_prefix(['+', '-', '\u{2212}']).unwrap_or_default();
        (1..=5).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
    };
    name_end <= 5 && (offset.is_empty() || is_offset(offset))
}

fn loose_day(text: &str, order: Option<DateOrder>) -> Result<Day, ValueFault> {
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        // ISO 8601's basic form.
        let part = |from, to| text.get(from..to).and_then(digits);
        return match (part(0, 4), part(4, 6), part(6, 8)) {
            (Some(year), Some(month), Some(day)) => Ok((year, month, day)),
            _ => Err(ValueFault::NotDate),
        };
    }
    let sign = text
        .find(['/', '.', '-'])
        .map(|at| text.as_bytes()[at] as char)
        .ok_or(ValueFault::NotDate)?;
    let mut parts = text.split(sign);
    let (Some(first), Some(second), Some(third), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ValueFault::NotDate);
    };
    let (Some(a), Some(b), Some(c)) = (digits(first), digits(second), digits(third)) else {
        return Err(ValueFault::NotDate);
    };
    match (first.len(), second.len(), third.len()) {
        (4, 1..=2, 1..=2) => Ok((a, b, c)),
        (1..=2, 1..=2, 4) => short_numbers(a, b, order).map(|(month, day)| (c, month, day)),
        (1..=2, 1..=2, 1..=2) => Err(ValueFault::ShortYear),
        _ => Err(ValueFault::NotDate),
    }
}

/// Month and day out of the two short numbers. A number over 12 is a day, whatever the order says.
fn short_numbers(first: u16, second: u16, order: Option<DateOrder>) -> Result<(u16, u16), ValueFault> {
    match (first > 12, second > 12, order) {
        (true, _, _) => Ok((second, first)),
        (false, true, _) => Ok((first, second)),
        _ if first == second => Ok((first, second)),
        (_, _, Some(DateOrder::MonthFirst)) => Ok((first, second)),
        (_, _, Some(DateOrder::DayFirst)) => Ok((second, first)),
        (_, _, None) => Err(ValueFault::UnclearDate),
    }
}

/// One to four ASCII digits as a number.
fn digits(text: &str) -> Option<u16> {
    let is_short_number = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_short_number.then(|| text.parse().ok()).flatten()
}

fn is_in_calendar(year: u16, month: u16, day: u16) -> bool {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    year >= 1 && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(value: &str, date_order: Option<DateOrder>) -> Result<String, ValueFault> {
        let mut out = String::new();
        let spelling = Spelling::Loose {
            decimal: None,
            date_order,
        };
        parse(value, spelling, &mut out).map(|()| out)
    }

    #[test]
    fn days_that_cannot_be_mixed_up() {
        for (spelled, day) in [
            ("2025-12-31", "2025-12-31"),
            ("20251231", "2025-12-31"),
            ("2025/3/4", "2025-03-04"),
            ("2025.03.04", "2025-03-04"),
            ("31/12/2025", "2025-12-31"),
            ("12/31/2025", "2025-12-31"),
            ("31.12.2025", "2025-12-31"),
            ("31-12-2025", "2025-12-31"),
            ("5/5/2025", "2025-05-05"),
            ("29.02.2024", "2024-02-29"),
        ] {
            for order in [None, DateOrder::named("dmy"), DateOrder::named("mdy")] {
                assert_eq!(cell(spelled, order).as_deref(), Ok(day), "{spelled}");
            }
        }
    }

    #[test]
    fn the_order_tells_the_others() {
        assert_eq!(cell("03/04/2025", None), Err(ValueFault::UnclearDate));
        assert_eq!(
            cell("03/04/2025", Some(DateOrder::DayFirst)).unwrap(),
            "2025-04-03"
        );
        assert_eq!(
            cell("03/04/2025", Some(DateOrder::MonthFirst)).unwrap(),
            "2025-03-04"
        );
        assert_eq!(cell("3.4.2025", Some(DateOrder::DayFirst)).unwrap(), "2025-04-03");
    }

    #[test]
    fn a_time_is_left_out() {
        for spelled in [
            "2025-12-31T23:59:59Z",
            "2025-12-31T23:59:59.123+02:00",
            "2025-12-31 23:59",
            "2025-12-31 23:59:59 UTC",
            "12/31/2025 3:45 PM",
            "12/31/2025, 3:45:00 pm",
            "20251231T235959Z",
            "2025-12-31T10",
            "2025-12-31T10:00:00,5+0200",
            "2025-12-31 10:00:00 CEST",
            "31.12.2025 3:45 p.m.",
            "12/31/2025 03:45:00 PM +02:00",
        ] {
            assert_eq!(cell(spelled, None).as_deref(), Ok("2025-12-31"), "{spelled}");
        }
    }

    #[test]
    fn refusals_say_why() {
        assert_eq!(cell("31/12/25", None), Err(ValueFault::ShortYear));
        assert_eq!(cell("2025-02-29", None), Err(ValueFault::NoSuchDay));
        assert_eq!(cell("31/31/2025", None), Err(ValueFault::NoSuchDay));
        assert_eq!(cell("0000-01-01", None), Err(ValueFault::NoSuchDay));
        for bad in [
            "tomorrow",
            "45321",
            "2025",
            "2025-12",
            "1/2/3/4",
            "2025-12-31 later",
            "2025-12-31 2026-01-31",
            "2025-12-31 10:00 11:00",
            "2025-12-31 10:0",
            "2025-12-31 1:2:3:4",
            "2025-12-31, 12/31/2026",
            "12/31-2025",
            "2025-12-31T",
            "１２/31/2025",
        ] {
            assert_eq!(cell(bad, None), Err(ValueFault::NotDate), "{bad}");
        }
    }

    #[test]
    fn json_takes_the_iso_day_alone() {
        let exact = |value| parse(value, Spelling::Exact, &mut String::new());
        assert_eq!(exact("2025-12-31"), Ok(()));
        for bad in [
            "31/12/2025",
            "2025-12-31T00:00:00Z",
            "20251231",
            "2025-1-1",
            "2025-é2-3",
        ] {
            assert_eq!(exact(bad), Err(ValueFault::NotDate), "{bad}");
        }
    }
}
