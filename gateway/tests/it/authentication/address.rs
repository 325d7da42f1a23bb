//! Allow-lists: one address is one address, however it is written and by whichever family it comes.

use serde_json::json;

use stage::desk::text;
use stage::{Cluster, Desk, Gateway};

#[tokio::test]
async fn an_allow_list_knows_an_address_in_each_of_its_forms() {
    let database = Cluster::shared().database().await;
    let proxied = [("GATEWAY_SERVER__TRUSTED_PROXIES", "::ffff:127.0.0.0/104")];
    let gateway = Gateway::start(&database.url(), &proxied).await;
    let desk = Desk::at(&gateway, &database).await;
    let allowed = [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.7:567"),
        ("192.0.2.0/24", "::ffff:192.0.2.7"),
        ("192.0.2.0/24", "[::ffff:192.0.2.7]:567"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.0/120", "192.0.2.9"),
        ("::ffff:c000:207", "192.0.2.7"),
        ("2001:db8::/32", "2001:db8::1"),
        ("2001:db8::/32", "[2001:db8::1]"),
        ("2001:db8::/32", "[2001:db8::1]:567"),
        ("2001:db8::/32", "10.0.0.1, [2001:db8::1]:567, 127.0.0.1:80"),
        // Empty elements mean nothing.
        ("192.0.2.0/24", "192.0.2.7,"),
        ("192.0.2.0/24", ", 192.0.2.7, , 127.0.0.1 ,"),
    ];
    let refused = [
        ("::ffff:192.0.2.0/120", "192.0.3.7"),
        ("192.0.2.0/24", "192.0.3.7:567"),
        ("2001:db8::/32", "[2001:db9::1]:567"),
        // The mapped block is IPv4 as a whole; a wider one is not.
        ("::ffff:0.0.0.0/96", "2001:db8::1"),
        // What is no address ends the chain at the proxy that wrote it.
        ("192.0.2.0/24", "192.0.2.7:port"),
        ("192.0.2.0/24", "192.0.2.7:99999"),
        ("192.0.2.0/24", "unknown"),
        ("192.0.2.0/24", "192.0.2.7, _hidden"),
    ];
    for (list, status) in [(&allowed[..], 200), (&refused[..], 403)] {
        for (net, forwarded) in list {
            let body = json!({"name": "office", "scopes": ["crm:read"], "ip_allowlist": [net]});
            let made = desk.make_key(&body).await;
            assert_eq!(made["ip_allowlist"], json!([net]), "shown as it was given");
            let api = desk.api.with_key(&text(&made, "key"));
            let reply = api
                .get_call("/v1/whoami")
                .header("x-forwarded-for", forwarded)
                .send()
                .await;
            assert_eq!(reply.status, status, "{net} {forwarded}");
        }
    }
}
