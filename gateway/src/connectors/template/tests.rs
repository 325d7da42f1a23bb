use proptest::prelude::*;

use super::{Scope, Text, Tree, encode_pairs};
use crate::http::json::{self, Node};

fn parse(text: &str) -> Node {
    json::parse(text.as_bytes()).expect("JSON")
}

fn text(node: &Node) -> String {
    serde_json::to_string(node).expect("JSON")
}

/// A template rendered over `body`, as JSON.
fn rendered(template: &str, body: &str) -> Result<String, String> {
    let body = parse(body);
    let tree = Tree::compile(&parse(template)).map_err(|fault| fault.to_string())?;
    let scope = Scope::new([("body", &body)]);
    let value = tree.render(&scope).map_err(|fault| fault.to_string())?;
    Ok(value.map_or("absent".into(), |value| text(&value)))
}

fn evaluated(template: &str, body: &str) -> String {
    let quoted = serde_json::to_string(template).expect("JSON");
    rendered(&quoted, body).unwrap_or_else(|fault| format!("fault: {fault}"))
}

#[test]
fn one_placeholder_keeps_the_type_and_more_make_text() {
    let body = r#"{"n":12345678901234567890.10,"t":"a\"b","l":[1,{"x":null}],"o":{"hub.mode":"s"},"z":null}"#;
    for (template, expected) in [
        ("{{body.n}}", "12345678901234567890.10"),
        ("n={{ body.n }}", r#""n=12345678901234567890.10""#),
        ("{{body.t}}", r#""a\"b""#),
        ("{{body.l}}", r#"[1,{"x":null}]"#),
        ("l={{body.l}}", r#""l=[1,{\"x\":null}]""#),
        ("{{body.l.0}}", "1"),
        ("{{body.o.hub.mode}}", r#""s""#),
        ("{{body.none}}", "absent"),
        ("{{body.z}}", "absent"),
        ("<{{body.z}}>", r#""<>""#),
        ("{{body.z ?? body.none ?? 'x|y}}'}}", r#""x|y}}""#),
        ("{{body.z ?? 7}}", "7"),
        (r"\{{body.n}} {{body.l.0}}", r#""{{body.n}} 1""#),
        ("", r#""""#),
    ] {
        assert_eq!(evaluated(template, body), expected, "{template}");
    }
}

#[test]
fn filters_do_what_they_say() {
    let body = r#"{"t":" Äb ","l":["a",2,"c"],"s":1654503849,"ms":1654503849680,"q":"1531420618.5","n":"1.10","d":"2026-12-01T05:00:00Z"}"#;
    for (template, expected) in [
        ("{{body.t | trim | upper}}", r#""ÄB""#),
        ("{{body.t | lower}}", r#"" äb ""#),
        ("{{body.t | trim | truncate(1)}}", r#""Ä""#),
        ("{{body.t | trim | length}}", "2"),
        ("{{body.l | length}}", "3"),
        ("{{body.l | join('|, ')}}", r#""a|, 2|, c""#),
        ("{{body.l | first}}", r#""a""#),
        ("{{body.l | last}}", r#""c""#),
        ("{{body.x | default('no')}}", r#""no""#),
        ("{{body.x | upper}}", "absent"),
        ("{{body.n | number}}", "1.10"),
        ("{{body.s | string}}", r#""1654503849""#),
        ("{{body.l | json}}", r#""[\"a\",2,\"c\"]""#),
        ("{{body.s | from_unix}}", r#""2022-06-06T08:24:09.000Z""#),
        ("{{body.ms | from_unix_ms}}", r#""2022-06-06T08:24:09.680Z""#),
        ("{{body.q | from_unix}}", r#""2018-07-12T18:36:58.500Z""#),
        ("{{body.d | date('%d.%m.%Y %H:%M')}}", r#""01.12.2026 05:00""#),
        ("{{body.n | base64}}", r#""MS4xMA==""#),
        ("{{body.n | base64url}}", r#""MS4xMA""#),
        (
            "{{body.n | sha256_hex}}",
            r#""aa672d37ec3c3f8002f2a87bba68fd3c2281f1935020cc0e2840276a9de14d78""#,
        ),
        ("{{body.t | number}}", "fault: what is no number"),
        (
            "{{body.t | from_unix}}",
            "fault: what is no count since the Unix epoch",
        ),
        ("{{body.t | first}}", "fault: first needs a list"),
    ] {
        assert_eq!(evaluated(template, body), expected, "{template}");
    }
}

#[test]
fn a_digest_uses_the_secret_that_is_named() {
    let body = parse(r#"{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}"#);
    let template = Text::compile("{{body.plainToken | hmac_sha256_hex(secret_token)}}").expect("a template");
    assert_eq!(template.secrets().collect::<Vec<_>>(), ["secret_token"]);
    let scope = Scope::new([("body", &body)]);
    assert!(template.text(&scope).is_err());
    let scope = scope.with_secret("secret_token", b"zoom_secret_token_1");
    let digest = template.text(&scope).expect("a digest");
    assert_eq!(
        digest,
        "504e95aaca33e16e0fe5485a60837ebba7da27a63fdea2e27f34344c4f92821c"
    );
}

#[test]
fn lists_repeat_a_tree_for_each_item() {
    let template =
        r#"[{"$each":"body.l","$do":{"id":"{{item.id}}","of":"{{body.n}}"}},"{{body.none}}","end"]"#;
    let body = r#"{"l":[{"id":1},{},{"id":"{{body.n}}"}],"n":2}"#;
    let expected = r#"[{"id":1,"of":2},{"of":2},{"id":"{{body.n}}","of":2},"end"]"#;
    assert_eq!(rendered(template, body).as_deref(), Ok(expected));
    assert_eq!(rendered(template, "{}").as_deref(), Ok(r#"["end"]"#));
    assert!(rendered(template, r#"{"l":1}"#).is_err());
    let many = format!(r#"{{"l":[{}1]}}"#, "1,".repeat(100));
    let fault = rendered(template, &many).expect_err("too many items");
    assert_eq!(fault, "0.$each: a list of more than 100 items");
}

#[test]
fn faults_have_their_path() {
    for (template, expected) in [
        (
            r#"{"a":[1,"{{body.x | nope}}"]}"#,
            r#"a.1: there is no filter "nope""#,
        ),
        (r#"{"a":"{{body.x"}"#, "a: has {{ without }}"),
        (
            r#"{"a":"{{body..x}}"}"#,
            r#"a: "body..x" is no path such as body.event.id"#,
        ),
        (
            r#"{"a":"{{'x'}}"}"#,
            "a: 'x' is a literal where a path has to stand",
        ),
        (
            r#"{"a":"{{body.x | truncate}}"}"#,
            "a: the filter truncate needs an argument",
        ),
        (
            r#"{"a":"{{body.x | upper(1)}}"}"#,
            "a: the filter upper takes no argument",
        ),
        (r#"{"a":"{{body.x ?? 'b}}"}"#, "a: has {{ without }}"),
        (
            r#"{"a":{"$each":"body.l","$do":1}}"#,
            "a: $each stands in lists alone",
        ),
        (
            r#"[{"$each":"body.l"}]"#,
            "0: takes $each with a path and $do with a tree, and nothing else",
        ),
    ] {
        assert_eq!(rendered(template, "{}"), Err(expected.to_owned()), "{template}");
    }
    let crowded = format!("\"{}\"", "{{body.x}}".repeat(201));
    assert!(rendered(&crowded, "{}").is_err());
}

#[test]
fn what_is_rendered_has_a_limit() {
    let body = format!(r#"{{"t":"{}"}}"#, "x".repeat(300_000));
    assert!(rendered(r#"["{{body.t}}","{{body.t}}","{{body.t}}"]"#, &body).is_ok());
    assert!(rendered(r#"["{{body.t}}","{{body.t}}","{{body.t}}","{{body.t}}"]"#, &body).is_err());
    let fault = rendered(
        r#"[{"$each":"body.l","$do":"{{body.t}}"}]"#,
        &body.replace("{\"t\"", "{\"l\":[1,2,3,4],\"t\""),
    );
    assert!(fault.is_err(), "items count together");
}

#[test]
fn a_host_comes_from_the_connection_alone() {
    let check = |url: &str| Text::compile(url).expect("a template").check_url(false);
    for good in [
        "https://a.example/x/{{input.id}}?q={{input.q}}",
        "https://{{connection.shop}}/admin",
        "{{connection.url}}",
        "https://a.example?q={{input.q}}",
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for bad in [
        "https://{{input.host}}/x",
        "https://a.example{{input.x}}",
        "{{input.url}}",
        "http://a.example/",
        "https://{{connection.shop ?? input.shop}}/admin",
    ] {
        assert!(check(bad).is_err(), "{bad}");
    }
    let fields = parse(r#"{"shop":"a.example/../b@c"}"#);
    let template = Text::compile("https://{{connection.shop}}/admin").expect("a template");
    assert!(template.url(&Scope::new([("connection", &fields)])).is_err());
}

proptest! {
    /// Any text lands where its placeholder stands, and changes nothing beside it.
    #[test]
    fn json_keeps_the_templates_shape(value in ".*", key in "[a-z]{1,8}") {
        let body = Node::Object(vec![(key.clone(), Node::Text(value.clone()))]);
        let template = format!(r#"{{"a":"{{{{body.{key}}}}}","b":["x {{{{body.{key}}}}} y",1.10],"c":{{"d":null}}}}"#);
        let tree = Tree::compile(&parse(&template)).expect("a template");
        let out = tree.render(&Scope::new([("body", &body)])).expect("renders").expect("a value");
        let again = parse(&text(&out));
        let expected = Node::Object(vec![
            ("a".into(), Node::Text(value.clone())),
            ("b".into(), Node::List(vec![Node::Text(format!("x {value} y")), Node::Number("1.10".into())])),
            ("c".into(), Node::Object(vec![("d".into(), Node::Null)])),
        ]);
        prop_assert_eq!(again, expected);
    }

    /// Any JSON value does.
    #[test]
    fn json_holds_any_value_unchanged(value in any_node()) {
        let body = Node::Object(vec![("v".into(), value.clone())]);
        let tree = Tree::compile(&parse(r#"{"a":"{{body.v}}","z":"end"}"#)).expect("a template");
        let out = tree.render(&Scope::new([("body", &body)])).expect("renders").expect("a value");
        let again = parse(&text(&out));
        let end = ("z".to_owned(), Node::Text("end".into()));
        let members = match value {
            Node::Null => vec![end],
            value => vec![("a".to_owned(), value), end],
        };
        prop_assert_eq!(again, Node::Object(members));
    }

    /// A value adds no segment, no parameter and no fragment to a URL.
    #[test]
    fn urls_keep_their_shape(value in ".*") {
        let input = Node::Object(vec![("v".into(), Node::Text(value.clone()))]);
        let template = Text::compile("https://a.example/x/{{input.v}}/y?q={{input.v}}&r=1").expect("a template");
        match template.url(&Scope::new([("input", &input)])) {
            Err(_) => prop_assert!(matches!(value.as_str(), "" | "." | "..")),
            Ok(written) => {
                let read = url::Url::parse(&written).expect("a URL");
                prop_assert_eq!(read.host_str(), Some("a.example"));
                prop_assert_eq!(read.fragment(), None);
                let segments: Vec<_> = read.path_segments().expect("segments").collect();
                prop_assert_eq!(segments.len(), 3);
                let segment = percent_encoding::percent_decode_str(segments[1]).decode_utf8().expect("UTF-8");
                prop_assert_eq!(segment, value.as_str());
                let pairs: Vec<_> = read.query_pairs().into_owned().collect();
                prop_assert_eq!(pairs, [("q".to_owned(), value.clone()), ("r".to_owned(), "1".to_owned())]);
            }
        }
    }

    /// A value ends no header; a form holds any.
    #[test]
    fn headers_and_forms_keep_their_shape(value in ".*") {
        let input = Node::Object(vec![("v".into(), Node::Text(value.clone()))]);
        let template = Text::compile("Bearer {{input.v}}").expect("a template");
        if let Ok(header) = template.header(&Scope::new([("input", &input)])) {
            prop_assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
        let form = encode_pairs([("a", value.as_str()), ("b", "1")]);
        let pairs: Vec<_> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        prop_assert_eq!(pairs, [("a".to_owned(), value.clone()), ("b".to_owned(), "1".to_owned())]);
    }

    /// No text makes the compiler panic.
    #[test]
    fn any_text_compiles_or_is_refused(text in r#"[{}|?'"().a-z\\ \PC]{0,60}"#) {
        let _ = Text::compile(&text);
    }
}

fn any_node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Node::Null),
        any::<bool>().prop_map(Node::Bool),
        any::<i64>().prop_map(|number| Node::Number(number.to_string())),
        "-?[1-9][0-9]{0,30}\\.[0-9]{1,20}".prop_map(Node::Number),
        ".*".prop_map(Node::Text),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Node::List),
            prop::collection::btree_map(".{0,8}", inner, 0..6)
                .prop_map(|members| Node::Object(members.into_iter().collect())),
        ]
    })
}
