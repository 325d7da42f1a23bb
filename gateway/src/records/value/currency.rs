//! Currency codes of ISO 4217.

use super::fault::ValueFault;

/// Appends the code in capitals; `eur` is `EUR`.
pub fn parse(value: &str, out: &mut String) -> Result<(), ValueFault> {
    let code = code(value).ok_or(ValueFault::NotCurrency)?;
    out.push_str(code);
    Ok(())
}

/// The code that `value` spells in any case.
pub fn code(value: &str) -> Option<&'static str> {
    let mut capitals: [u8; 3] = value.as_bytes().try_into().ok()?;
    capitals.make_ascii_uppercase();
    let place = CODES
        .binary_search_by(|code| code.as_bytes().cmp(&capitals))
        .ok()?;
    Some(CODES[place])
}

/// ISO 4217 list one (active codes, metals and funds included), and the codes withdrawn since 2015 that
/// old deals still carry: ANG BGN CUC HRK LTL MRO SLL STD VEF ZWL. Without XTS (for tests) and XXX (no
/// currency), which mean that there is none. Sorted.
static CODES: [&str; 186] = [
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD",
    "BIF", "BMD", "BND", "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF",
    "CHW", "CLF", "CLP", "CNY", "COP", "COU", "CRC", "CUC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD",
    "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD",
    "HNL", "HRK", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS",
    "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "LTL", "LYD", "MAD",
    "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRO", "MRU", "MUR", "MVR", "MWK", "MXN", "MXV", "MYR", "MZN",
    "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR",
    "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SLL", "SOS", "SRD",
    "SSP", "STD", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS",
    "UAH", "UGX", "USD", "USN", "UYI", "UYU", "UYW", "UZS", "VED", "VEF", "VES", "VND", "VUV", "WST", "XAD",
    "XAF", "XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XCD", "XCG", "XDR", "XOF", "XPD", "XPF", "XPT", "XSU",
    "XUA", "YER", "ZAR", "ZMW", "ZWG", "ZWL",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted() {
        assert!(CODES.is_sorted());
    }

    #[test]
    fn codes_in_any_case_and_nothing_else() {
        assert_eq!(code("eur"), Some("EUR"));
        assert_eq!(code("Usd"), Some("USD"));
        for bad in ["", "EU", "EURO", "XXX", "ZZZ", "€", "é1"] {
            assert_eq!(code(bad), None, "{bad}");
        }
    }
}
