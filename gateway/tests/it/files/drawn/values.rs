//! Values as programs of many countries write them, each with what the contract says it means: reckoned from the value
//! that was drawn, and never by reading the text.

use super::dice::Dice;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Email,
    /// A person's, in one column.
    FullName,
    /// A key such as an SKU; no two rows have the same.
    Code,
    Domain,
    Amount,
    Whole,
    Date,
    Currency,
    Status,
    Published,
}

/// What a cell comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Means {
    Nothing,
    Value(String),
    /// It is no value of its field, and its row fails.
    Fault,
    /// The field does not take it, but keeps it aside.
    Extra,
}

/// How a program's country writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Country {
    Plain,
    America,
    Germany,
    France,
    Switzerland,
}

pub const COUNTRIES: [Country; 5] = [
    Country::Plain,
    Country::America,
    Country::Germany,
    Country::France,
    Country::Switzerland,
];

/// What the import is told beside the file.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    pub country: Country,
    /// `date_order=`
    pub order: Option<&'static str>,
    /// Whether `decimal=` names the country's sign.
    pub decimal: bool,
}

const FIRST: [&str; 10] = [
    "Ada",
    "Zoë",
    "José",
    "Anna Maria",
    "Jürgen",
    "Søren",
    "Renée",
    "Ana",
    "O'Neil",
    "Bob",
];
const LAST: [&str; 8] = [
    "Lovelace",
    "Müller",
    "García",
    "Nuñez",
    "Straße",
    "Hopper",
    "D'Arcy",
    "Smith-Jones",
];
const TEXTS: [&str; 14] = [
    "Zürich",
    "São Paulo",
    "Acme, Inc.",
    "Globex; Söhne",
    "say \"hi\"",
    "two\nlines",
    "Tab\there",
    "a|b",
    "+44 20 7946 0958",
    "=1+1",
    "50 %",
    "#N/A",
    "'quoted'",
    "naïve café",
];

impl Kind {
    /// A cell and its meaning; `row` makes keys differ.
    pub fn draw(self, dice: &mut Dice, row: usize, told: &Told) -> (String, Means) {
        if self != Self::Code && dice.one_in(7) {
            return (String::new(), Means::Nothing);
        }
        let same = |text: String| (text.clone(), Means::Value(text));
        match self {
            Self::Text => same(dice.pick(&TEXTS).to_string()),
            Self::FullName => same(format!("{} {}", dice.pick(&FIRST), dice.pick(&LAST))),
            Self::Code => same(format!("{}-{row}", dice.pick(&["A", "SKU/7", "0012"]))),
            Self::Email if dice.one_in(12) => {
                let bad = dice.pick(&["n/a", "ada@", "@x.org", "a@b@c.org", "ada\u{200b}@x.org"]);
                (bad.to_string(), Means::Fault)
            }
            Self::Email => same(format!(
                "{}{row}@Example.org",
                dice.pick(&["ada", "J.Doe+x", "o'neil"])
            )),
            Self::Domain => domain(dice, row),
            Self::Amount => amount(dice, told),
            Self::Whole => whole(dice, told),
            Self::Date => date(dice, told),
            Self::Currency => {
                let code = *dice.pick(&["EUR", "USD", "CHF"]);
                let text = if dice.one_in(3) {
                    code.to_lowercase()
                } else {
                    code.to_owned()
                };
                (text, Means::Value(code.to_owned()))
            }
            Self::Status => {
                let word = *dice.pick(&["Open", "WON", "lost"]);
                (word.to_owned(), Means::Value(word.to_lowercase()))
            }
            Self::Published => {
                let (text, means) = *dice.pick(&[
                    ("1", true),
                    ("0", false),
                    ("TRUE", true),
                    ("no", false),
                    ("Active", true),
                    ("draft", false),
                    ("archived", false),
                ]);
                (text.to_owned(), Means::Value(means.to_string()))
            }
        }
    }
}

fn domain(dice: &mut Dice, row: usize) -> (String, Means) {
    let name = format!("acme{row}.example");
    match dice.below(5) {
        0 => (name.clone(), Means::Value(name)),
        1 => (
            format!("https://www.{}/about?x=1", name.to_uppercase()),
            Means::Value(name),
        ),
        2 => (format!("http://{name}"), Means::Value(name)),
        3 => (format!("https://www.facebook.com/acme{row}"), Means::Extra),
        _ => (format!("www.{name}/"), Means::Value(name)),
    }
}

/// Digits in groups of three.
fn grouped(number: u64, sign: &str) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push_str(sign);
        }
        out.push(digit);
    }
    out
}

fn amount(dice: &mut Dice, told: &Told) -> (String, Means) {
    let whole = [
        0,
        dice.below(10),
        dice.below(1_000),
        dice.below(1_000_000),
        dice.below(50_000_000),
    ][dice.below(5)] as u64;
    let cents = if dice.one_in(3) { 0 } else { dice.below(100) };
    // A sign of thousands alone cannot be told from a decimal sign where it is a point.
    let shows_cents = cents > 0 || dice.one_in(2) || (told.country == Country::Germany && !told.decimal);
    let is_negative = (whole > 0 || cents > 0) && dice.one_in(6);
    let (point, group) = match told.country {
        Country::Plain => (".", ""),
        Country::America => (".", ","),
        Country::Germany => (",", "."),
        Country::France => (",", *dice.pick(&[" ", "\u{a0}"])),
        Country::Switzerland => (".", "'"),
    };
    let group = if dice.one_in(3) { "" } else { group };
    let mut text = grouped(whole, group);
    if shows_cents {
        text.push_str(&format!("{point}{cents:02}"));
    } else if !is_negative
        && dice.one_in(4)
        && matches!(told.country, Country::Germany | Country::Switzerland)
    {
        // No cents: `49,-`, `1'299.-`.
        text.push_str(&format!("{point}-"));
    }
    text = match (told.country, dice.below(3)) {
        (Country::America, 0) => format!("${text}"),
        (Country::Germany | Country::France, 0) => format!("{text} €"),
        (Country::Switzerland, 0) => format!("CHF {text}"),
        (Country::Plain, 0) => format!("EUR {text}"),
        _ => text,
    };
    if is_negative {
        text = match (told.country, dice.below(3)) {
            (Country::America, 0) => format!("({text})"),
            (_, 1) if text.ends_with(|letter: char| letter.is_ascii_digit()) => format!("{text}-"),
            _ => format!("-{text}"),
        };
    }
    let sign = if is_negative { "-" } else { "" };
    let fraction = format!(".{cents:02}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    (text, Means::Value(format!("{sign}{whole}{fraction}")))
}

fn whole(dice: &mut Dice, told: &Told) -> (String, Means) {
    let number = dice.below(900_000) as u64;
    let sign = match told.country {
        Country::America => ",",
        Country::Germany => ".",
        _ => "",
    };
    let text = if dice.one_in(2) {
        grouped(number, sign)
    } else {
        number.to_string()
    };
    let is_plain = text == number.to_string();
    let means = match is_plain || told.decimal {
        true => Means::Value(number.to_string()),
        // It can be read as a fraction.
        false => Means::Fault,
    };
    (text, means)
}

fn date(dice: &mut Dice, told: &Told) -> (String, Means) {
    let (year, month, day) = (2020 + dice.below(10), 1 + dice.below(12), 1 + dice.below(28));
    let means = Means::Value(format!("{year}-{month:02}-{day:02}"));
    match dice.below(4) {
        0 => (format!("{year}-{month:02}-{day:02}"), means),
        1 => (format!("{year}-{month:02}-{day:02}T10:20:30Z"), means),
        2 => (format!("{year}/{month:02}/{day:02}"), means),
        _ => {
            let is_american = match told.order {
                Some(order) => order == "mdy",
                None => told.country == Country::America,
            };
            let (one, two) = if is_american { (month, day) } else { (day, month) };
            let sign = *dice.pick(&["/", ".", "-"]);
            let text = match dice.one_in(2) {
                true => format!("{one}{sign}{two}{sign}{year}"),
                false => format!("{one:02}{sign}{two:02}{sign}{year}"),
            };
            let can_be_mixed_up = told.order.is_none() && day <= 12 && day != month;
            (text, if can_be_mixed_up { Means::Fault } else { means })
        }
    }
}
