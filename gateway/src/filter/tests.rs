//! Filters against data, and invalid filters.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn filter(text: &str) -> Result<Filter, Vec<String>> {
    let node = json::parse(text.as_bytes()).expect("JSON");
    let mut faults = Faults::default();
    let filter = Filter::read(&node, "body.filter", &mut faults);
    let places = faults.into_vec().into_iter().map(|fault| fault.location);
    let places: Vec<String> = places.collect();
    assert_eq!(filter.is_some(), places.is_empty(), "{text}: {places:?}");
    filter.ok_or(places)
}

#[track_caller]
fn holds(text: &str, data: &str) -> bool {
    let filter = filter(text).expect("a valid filter");
    filter.holds(&Data::of(data.as_bytes()))
}

const DEAL: &str = r#"{"deal":{"stage":"won","amount":1200.50,"owner":null,"open":false},
    "customer":{"email":"vip@example.com","plan":"pro \u00e9"},"tags":["new","eu",7],
    "items":[{"sku":"A-1"},{"sku":"B-2","free":true},[{"sku":"C-3"}]],"none":[]}"#;

#[test]
fn equality_and_in() {
    for (text, expected) in [
        (r#"{"deal.stage":"won"}"#, true),
        (r#"{"deal.stage":"Won"}"#, false),
        (r#"{"deal.stage":{"in":["lost","won"]}}"#, true),
        (r#"{"deal.stage":{"in":["lost"]}}"#, false),
        (r#"{"deal.amount":1200.5}"#, true),
        (r#"{"deal.amount":12005e-1}"#, true),
        (r#"{"deal.amount":"1200.50"}"#, false),
        (r#"{"deal.amount":1200.51}"#, false),
        (r#"{"deal.open":false}"#, true),
        (r#"{"deal.open":"false"}"#, false),
        (r#"{"customer.plan":"pro é"}"#, true),
        (r#"{"deal.owner":null}"#, true),
        (r#"{"deal.absent":null}"#, false),
        (r#"{"deal":"won"}"#, false),
        (r#"{"deal.stage.x":"won"}"#, false),
        (r#"{"deal.stage":"won","customer.plan":"free"}"#, false),
    ] {
        assert_eq!(holds(text, DEAL), expected, "{text}");
    }
}

#[test]
fn prefix_and_exists() {
    for (text, expected) in [
        (r#"{"customer.email":{"prefix":"vip"}}"#, true),
        (r#"{"customer.email":{"prefix":"VIP"}}"#, false),
        (r#"{"deal.amount":{"prefix":"12"}}"#, false),
        (r#"{"customer.phone":{"exists":false}}"#, true),
        (r#"{"customer.email":{"exists":true}}"#, true),
        (r#"{"customer":{"exists":true}}"#, true),
        (r#"{"deal.owner":{"exists":true}}"#, false),
        (r#"{"deal.owner":{"exists":false}}"#, true),
        (r#"{"none":{"exists":true}}"#, false),
        (r#"{"tags":{"exists":true}}"#, true),
        (r#"{"customer.email":{"prefix":"vip","in":["other"]}}"#, false),
    ] {
        assert_eq!(holds(text, DEAL), expected, "{text}");
    }
}

#[test]
fn lists_stand_for_their_items() {
    for (text, expected) in [
        (r#"{"tags":"eu"}"#, true),
        (r#"{"tags":7.0}"#, true),
        (r#"{"tags":{"prefix":"ne"}}"#, true),
        (r#"{"items.sku":"B-2"}"#, true),
        (r#"{"items.free":true,"items.sku":"A-1"}"#, true),
        (r#"{"items.sku":"C-3"}"#, false),
    ] {
        assert_eq!(holds(text, DEAL), expected, "{text}");
    }
    let many: Vec<usize> = (0..2_000).collect();
    let data = json!({"n": many}).to_string();
    assert!(holds(r#"{"n":999}"#, &data));
    assert!(!holds(r#"{"n":1000}"#, &data), "only so many are looked at");
}

#[test]
fn rules_combine() {
    for (text, expected) in [
        (r#"{"any_of":[{"deal.stage":"lost"},{"tags":"eu"}]}"#, true),
        (r#"{"any_of":[{"deal.stage":"lost"},{"tags":"us"}]}"#, false),
        (r#"{"all_of":[{"deal.stage":"won"},{"tags":"eu"}]}"#, true),
        (r#"{"not":{"deal.stage":"won"}}"#, false),
        (r#"{"not":{"deal.stage":"won","tags":"us"}}"#, true),
        (
            r#"{"deal.stage":"won","not":{"any_of":[{"tags":"us"},{"tags":"eu"}]}}"#,
            false,
        ),
    ] {
        assert_eq!(holds(text, DEAL), expected, "{text}");
    }
}

#[test]
fn data_is_read_as_it_was_sent() {
    assert!(
        holds(r#"{"a":2}"#, r#"{"a":1,"a":2}"#),
        "the last of doubled names counts"
    );
    assert!(!holds(r#"{"a":1}"#, r#"{"a":1,"a":2}"#));
    assert!(holds(
        r#"{"big":1e400}"#,
        r#"{"big":10e399,"x":1e999999999999999999999}"#
    ));
    assert!(!holds(r#"{"x":1}"#, r#"{"x":1e999999999999999999999}"#));
    assert!(!holds(r#"{"n":9007199254740993}"#, r#"{"n":9007199254740992}"#));
    assert!(holds(r#"{"ü":"\u00fc"}"#, r#"{"\u00fc":"ü"}"#));
    assert!(holds(r#"{"a b.c":true}"#, " {\"a b\" : {\"c\"\n:true }}"));
}

#[test]
fn faults_name_their_place() {
    let deep = |levels: usize| format!("{}{{\"a\":1}}{}", r#"{"not":"#.repeat(levels), "}".repeat(levels));
    assert!(filter(&deep(4)).is_ok());
    let place = "body.filter.not.not.not.not.not";
    assert_eq!(filter(&deep(5)).err(), Some(vec![place.to_owned()]));
    let long = "x".repeat(1_001);
    for (text, places) in [
        ("[]", &["body.filter"][..]),
        ("{}", &["body.filter"]),
        (r#"{"deal.stage":["won"]}"#, &["body.filter.deal.stage"]),
        (r#"{"deal.stage":{}}"#, &["body.filter.deal.stage"]),
        (r#"{"deal.stage":{"gt":1}}"#, &["body.filter.deal.stage.gt"]),
        (r#"{"deal.stage":{"in":"won"}}"#, &["body.filter.deal.stage.in"]),
        (r#"{"deal.stage":{"in":[]}}"#, &["body.filter.deal.stage.in"]),
        (
            r#"{"a":{"in":[1,[2],{}]}}"#,
            &["body.filter.a.in[1]", "body.filter.a.in[2]"],
        ),
        (r#"{"a":{"prefix":""}}"#, &["body.filter.a.prefix"]),
        (
            r#"{"a":{"prefix":1},"b":{"exists":1}}"#,
            &["body.filter.a.prefix", "body.filter.b.exists"],
        ),
        (r#"{"a":1e99999999999999999999}"#, &["body.filter.a"]),
        (r#"{".a":1}"#, &["body.filter..a"]),
        (r#"{"":1}"#, &["body.filter."]),
        (
            r#"{"a.b.c.d.e.f.g.h.i.j.k":1}"#,
            &["body.filter.a.b.c.d.e.f.g.h.i.j.k"],
        ),
        (r#"{"any_of":{"a":1}}"#, &["body.filter.any_of"]),
        (r#"{"any_of":[]}"#, &["body.filter.any_of"]),
        (
            r#"{"any_of":[{"a":1},7,{"b":[]}]}"#,
            &["body.filter.any_of[1]", "body.filter.any_of[2].b"],
        ),
        (&format!(r#"{{"a":"{long}"}}"#), &["body.filter.a"]),
    ] {
        assert_eq!(
            filter(text).err(),
            Some(places.iter().map(|&p| p.to_owned()).collect()),
            "{text}"
        );
    }
}

#[test]
fn fifty_conditions_and_no_more() {
    let many = |count: usize| {
        let fields = (0..count).map(|nth| (format!("f{nth}"), json!(1)));
        Value::Object(fields.collect()).to_string()
    };
    assert!(filter(&many(50)).is_ok());
    assert_eq!(filter(&many(51)).err(), Some(vec!["body.filter".to_owned()]));
    let nested = format!(r#"{{"any_of":[{},{}]}}"#, many(25), many(26));
    assert_eq!(filter(&nested).err(), Some(vec!["body.filter".to_owned()]));
    let values: Vec<usize> = (0..101).collect();
    assert!(filter(&json!({"a": {"in": values[..100]}}).to_string()).is_ok());
    assert!(filter(&json!({"a": {"in": values}}).to_string()).is_err());
}

fn any_scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        "[ab.\"\\\\ü]{0,3}".prop_map(Value::from),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = any_scalar();
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![
            Just("a"),
            Just("b"),
            Just("in"),
            Just("not"),
            Just("any_of"),
            Just("a.b")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_filter_and_no_data_panics(filter_json in any_json(), data in any_json()) {
        if let Ok(filter) = filter(&filter_json.to_string()) {
            let text = data.to_string();
            let data = Data::of(text.as_bytes());
            let first = filter.holds(&data);
            prop_assert_eq!(filter.holds(&data), first);
        }
    }

    #[test]
    fn equality_is_that_of_a_plain_reader(value in any_scalar(), other in any_json()) {
        let data = json!({"x": {"y": other}}).to_string();
        let expected = match &other {
            Value::Array(items) => items.contains(&value),
            other => *other == value,
        };
        prop_assert_eq!(holds(&json!({"x.y": value}).to_string(), &data), expected);
    }
}
