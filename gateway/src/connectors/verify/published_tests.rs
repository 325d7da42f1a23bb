//! Vectors that vendors and standards publish.

use super::Refusal;
use super::tests::{Case, hub, judge};

/// github/docs and octokit/webhooks-methods.js.
#[test]
fn a_published_signature_over_the_body_holds() {
    for (secret, body, value) in [
        (
            "It's a Secret to Everybody",
            "Hello, World!",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        (
            "mysecret",
            r#"{"foo":"bar"}"#,
            "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3",
        ),
    ] {
        let name = "x-hub-signature-256";
        assert_eq!(hub(&[(name, value)], body, secret), Ok(()));
        assert_eq!(hub(&[], body, secret), Err(Refusal::Missing));
        assert_eq!(hub(&[(name, "")], body, secret), Err(Refusal::Missing));
        let twice = [(name, value), (name, value)];
        assert_eq!(
            hub(&twice, body, secret),
            Err(Refusal::Invalid),
            "also when equal"
        );
        for wrong in [
            &value[7..],
            &value.to_uppercase(),
            "sha1=00",
            "sha256=",
            "sha256=zz",
            &value[..70],
        ] {
            assert_eq!(
                hub(&[(name, wrong)], body, secret),
                Err(Refusal::Invalid),
                "{wrong}"
            );
        }
        assert_eq!(hub(&[(name, value)], body, "another"), Err(Refusal::Invalid));
    }
}

/// HubSpot's Node and Python client tests; the v2 GET also stands in HubSpot's FAQ.
#[test]
fn method_url_secret_and_milliseconds_are_signed() {
    let secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    let url = "https://www.example.com/webhook_uri";
    let v3 = Case {
        rule: r#"
            scheme = "hmac_sha256"
            key = "key"
            signature = { header = "X-HubSpot-Signature-v3", encoding = "base64" }
            timestamp = { header = "X-HubSpot-Request-Timestamp", unit = "ms", within_seconds = 300 }
            signed = "{method}{url}{body}{timestamp}"
        "#,
        headers: &[
            (
                "X-HubSpot-Signature-v3",
                "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
            ),
            ("X-HubSpot-Request-Timestamp", "1693657560000"),
        ],
        body: "{'example_field':'example_value'}",
        secret,
        now: 1_693_657_860,
    };
    assert_eq!(judge(&v3, "POST", url, None), Ok(()));
    assert_eq!(judge(&v3, "PUT", url, None), Err(Refusal::Invalid));
    assert_eq!(
        judge(&v3, "POST", "https://www.example.com/", None),
        Err(Refusal::Invalid)
    );
    for now in [1_693_657_861, 1_693_657_259] {
        let late = Case { now, ..v3 };
        assert_eq!(judge(&late, "POST", url, None), Err(Refusal::Stale), "{now}");
    }

    let v2 = r#"
        scheme = "sha256"
        key = "key"
        signature = { header = "X-HubSpot-Signature" }
        signed = "{secret}{method}{url}{body}"
    "#;
    let v1 = r#"
        scheme = "sha256"
        key = "key"
        signature = { header = "X-HubSpot-Signature" }
        signed = "{secret}{body}"
    "#;
    let contact = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;
    for (rule, method, body, value) in [
        (
            v2,
            "GET",
            "",
            "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e",
        ),
        (
            v2,
            "POST",
            r#"{"example_field":"example_value"}"#,
            "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900",
        ),
        (
            v1,
            "POST",
            contact,
            "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de",
        ),
    ] {
        let headers = [("X-HubSpot-Signature", value)];
        let case = Case {
            rule,
            headers: &headers,
            body,
            secret,
            now: 0,
        };
        assert_eq!(judge(&case, method, url, None), Ok(()), "{method}");
        let other = Case {
            secret: "other",
            ..case
        };
        assert_eq!(
            judge(&other, method, url, None),
            Err(Refusal::Invalid),
            "{method}"
        );
    }
}

/// RFC 4231, test case 2, and RFC 8032, test 2.
#[test]
fn the_other_algorithms_are_those_of_their_standards() {
    let hmac = Case {
        rule: r#"
            scheme = "hmac_sha512"
            key = "key"
            key_as = "hex"
            signature = { header = "S" }
        "#,
        headers: &[(
            "S",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        )],
        body: "what do ya want for nothing?",
        secret: "4a656665",
        now: 0,
    };
    let ed25519 = Case {
        rule: r#"
            scheme = "ed25519"
            key = "key"
            key_as = "hex"
            signature = { header = "S" }
        "#,
        headers: &[(
            "S",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        )],
        body: "r",
        secret: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        now: 0,
    };
    for case in [hmac, ed25519] {
        assert_eq!(judge(&case, "POST", "", None), Ok(()));
        for secret in ["4a656664", "no hex", "00"] {
            let other = Case { secret, ..case };
            assert_eq!(judge(&other, "POST", "", None), Err(Refusal::Invalid), "{secret}");
        }
        let other = Case { body: "s", ..case };
        assert_eq!(judge(&other, "POST", "", None), Err(Refusal::Invalid));
    }
}
