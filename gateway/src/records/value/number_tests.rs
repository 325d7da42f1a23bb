use super::*;

fn cell(value: &str, decimal: Option<DecimalSign>) -> Result<String, ValueFault> {
    let mut out = String::new();
    let spelling = Spelling::Loose {
        decimal,
        date_order: None,
    };
    parse_decimal(value, spelling, &mut out).map(|()| out)
}

fn exact(value: &str) -> Result<String, ValueFault> {
    let mut out = String::new();
    parse_decimal(value, Spelling::Exact, &mut out).map(|()| out)
}

fn whole(value: &str) -> Result<String, ValueFault> {
    let mut out = String::new();
    parse_integer(value, Spelling::CELLS, &mut out).map(|()| out)
}

#[test]
fn the_listed_spellings() {
    for (spelled, stored) in [
        ("1234.5", "1234.5"),
        ("1,234.50", "1234.50"),
        ("$1,234.50", "1234.50"),
        ("1.234,50 €", "1234.50"),
        ("1 234,50", "1234.50"),
        ("1\u{a0}234,50", "1234.50"),
        ("1\u{202f}234,50 €", "1234.50"),
        ("1'234.50", "1234.50"),
        ("1’234.50", "1234.50"),
        ("CHF 1'234.50", "1234.50"),
        ("EUR 5", "5"),
        ("(12.00)", "-12.00"),
        ("($1,234.50)", "-1234.50"),
        ("-1.234,5", "-1234.5"),
        ("1,234", "1234"),
        ("0,500", "0.500"),
        ("0,125", "0.125"),
        (",125", "0.125"),
        ("00,125", "0.125"),
        ("012,345", "12.345"),
        ("1234,567", "1234.567"),
        ("123,456", "123456"),
        ("-1,234", "-1234"),
        ("$1,234", "1234"),
        ("-0,125", "-0.125"),
        ("49,-", "49"),
        ("49,- €", "49"),
        ("49.-", "49"),
        ("CHF 1'299.-", "1299"),
        ("1.299,-", "1299"),
        ("1.299.-", "1299"),
        ("1,299.-", "1299"),
        ("1 299,– €", "1299"),
        ("1.234.567,--", "1234567"),
        ("-49,-", "-49"),
        ("(49,-)", "-49"),
        ("$(12.00)", "-12.00"),
        ("(12,00 €)", "-12.00"),
        ("5-", "-5"),
        ("5.00-", "-5.00"),
        ("1.234,50-", "-1234.50"),
        ("1,23", "1.23"),
        ("1,2345", "1.2345"),
        ("1.234", "1.234"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1.234.567,8", "1234567.8"),
        ("1,23,456.78", "123456.78"),
        ("1 234 567", "1234567"),
        ("1 234,567", "1234.567"),
        (".5", "0.5"),
        (",5", "0.5"),
        ("5.", "5"),
        ("007", "7"),
        ("-0", "0"),
        ("-0.00", "0.00"),
        ("1.23E+05", "123000"),
        ("1.10000000", "1.100000"),
    ] {
        assert_eq!(cell(spelled, None).as_deref(), Ok(stored), "{spelled}");
    }
}

#[test]
fn the_decimal_sign_can_be_told() {
    let comma = Some(DecimalSign::Comma);
    let point = Some(DecimalSign::Point);
    assert_eq!(cell("1,234", comma).as_deref(), Ok("1.234"));
    assert_eq!(cell("1.234", comma).as_deref(), Ok("1234"));
    assert_eq!(cell("1.234,5", comma).as_deref(), Ok("1234.5"));
    assert_eq!(cell("1.234", point).as_deref(), Ok("1.234"));
    assert_eq!(cell("1,234", point).as_deref(), Ok("1234"));
    for unclear in ["1,5", "0,125", "1234,567", ",125", "1,2345", "012,345"] {
        assert_eq!(cell(unclear, point), Err(ValueFault::UnclearSigns), "{unclear}");
    }
    for unclear in ["0.125", "1234.567", "1.5"] {
        assert_eq!(cell(unclear, comma), Err(ValueFault::UnclearSigns), "{unclear}");
    }
    for told in [comma, point] {
        assert_eq!(cell("1.299,-", told).as_deref(), Ok("1299"));
    }
    assert_eq!(cell("1.5", comma), Err(ValueFault::UnclearSigns));
    assert_eq!(cell("1,234.5", comma), Err(ValueFault::UnclearSigns));
}

#[test]
fn what_is_no_number() {
    for bad in [
        "abc", "12abc", "12%", "5k", "1_000", "0x10", "1e", "e5", "1e5.2", "NaN", "inf", "１２", "-", ".",
        ",", "$", "1/2", "5 apples",
    ] {
        assert_eq!(cell(bad, None), Err(ValueFault::NotNumber), "{bad}");
    }
    for bad in [
        "1.2.3",
        "1,2,3",
        "1 2",
        "1,234.5.6",
        "1.234,567,8",
        "1 234,567.5",
        "1,,234",
        "1234,567.5",
        "0,125.50",
        "1,234.567,-",
        "12.34,-",
        "1 234.567,-",
        "1''234",
    ] {
        assert_eq!(cell(bad, None), Err(ValueFault::UnclearSigns), "{bad}");
    }
}

#[test]
fn limits() {
    assert_eq!(
        cell("999999999999999999.999999", None).as_deref(),
        Ok("999999999999999999.999999")
    );
    assert_eq!(cell("1000000000000000000", None), Err(ValueFault::TooLarge));
    assert_eq!(cell("0.0000001", None), Err(ValueFault::TooPrecise));
    assert_eq!(cell("1e17", None).as_deref(), Ok("100000000000000000"));
    assert_eq!(cell("1e18", None), Err(ValueFault::TooLarge));
    assert_eq!(cell("1e999", None), Err(ValueFault::TooLarge));
    assert_eq!(cell("1e-6", None).as_deref(), Ok("0.000001"));
    assert_eq!(cell("1e-999", None), Err(ValueFault::TooPrecise));
    assert_eq!(cell("0e999", None).as_deref(), Ok("0"));
    assert_eq!(cell(&"0".repeat(64), None).as_deref(), Ok("0"));
    assert_eq!(cell(&"0".repeat(65), None), Err(ValueFault::TooLarge));
}

#[test]
fn json_takes_plain_numbers_alone() {
    assert_eq!(exact("1200.50").as_deref(), Ok("1200.50"));
    assert_eq!(exact("-3").as_deref(), Ok("-3"));
    assert_eq!(exact("1e3").as_deref(), Ok("1000"));
    assert_eq!(exact("0.10").as_deref(), Ok("0.10"));
    for bad in ["1,234", "$5", "+5", "(5)", "", "-", "--5", "1 000"] {
        assert!(exact(bad).is_err(), "{bad}");
    }
}

#[test]
fn whole_numbers() {
    for (spelled, stored) in [
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1 234", "1234"),
        ("1'234", "1234"),
        ("1,234.00", "1234"),
        ("1.234,0", "1234"),
        ("12.00", "12"),
        ("12,0000", "12"),
        ("0.0", "0"),
        ("-7", "-7"),
        ("49,-", "49"),
        ("1.299,-", "1299"),
    ] {
        assert_eq!(whole(spelled).as_deref(), Ok(stored), "{spelled}");
    }
    assert_eq!(whole("12.5"), Err(ValueFault::NotWhole));
    assert_eq!(whole("10-50"), Err(ValueFault::NotNumber));
}

#[test]
fn a_whole_number_that_can_be_read_both_ways_is_none_until_the_sign_is_told() {
    for unclear in [
        "1,234", "1.234", "12.000", "12,000", "-1,234", "$1.234", "0.125", "0,125", "1234.000",
    ] {
        assert_eq!(whole(unclear), Err(ValueFault::UnclearThousands), "{unclear}");
    }
    let told = |value, decimal| {
        let mut out = String::new();
        let spelling = Spelling::Loose {
            decimal: Some(decimal),
            date_order: None,
        };
        parse_integer(value, spelling, &mut out).map(|()| out)
    };
    assert_eq!(told("1,234", DecimalSign::Point).as_deref(), Ok("1234"));
    assert_eq!(told("1.234", DecimalSign::Comma).as_deref(), Ok("1234"));
    assert_eq!(told("12.000", DecimalSign::Point).as_deref(), Ok("12"));
    assert_eq!(told("1.234", DecimalSign::Point), Err(ValueFault::NotWhole));
    assert_eq!(told("0,125", DecimalSign::Point), Err(ValueFault::UnclearSigns));
}
