//! Style and script come compressed to whoever takes gzip, and not again to whoever has them.

use std::io::Read;

use http::Method;
use stage::Desk;

use super::browser::Browser;

#[tokio::test]
async fn assets_are_compressed_for_those_who_take_it_and_sent_once() {
    let desk = Desk::open().await;
    let page = Browser::at(&desk).await.page("/integrations").await;
    let script = page.one("script").attribute("src").expect("a path");
    let links = page.all("link").into_iter();
    let style = links
        .filter_map(|link| link.attribute("href"))
        .find(|path| path.ends_with(".css"));
    let nobody = Browser::new(desk.api.address);
    for (path, most) in [(style.expect("a path"), 20_000), (script, 12_000)] {
        let plain = nobody.call(Method::GET, &path).send().await;
        assert_eq!(
            (plain.status, plain.header("content-encoding")),
            (200, None),
            "{path}"
        );
        let call = nobody.call(Method::GET, &path);
        let packed = call.header("accept-encoding", "gzip, br").send().await;
        assert_eq!(
            (packed.status, packed.header("content-encoding")),
            (200, Some("gzip"))
        );
        assert!(
            packed.body.len() <= most && packed.body.len() < plain.body.len(),
            "{path}"
        );
        assert_eq!(packed.header("content-type"), plain.header("content-type"));
        let mut unpacked = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(&packed.body[..]);
        decoder.read_to_end(&mut unpacked).expect("gzip");
        assert_eq!(unpacked, plain.body, "{path}");
        for reply in [&plain, &packed] {
            assert_eq!(reply.header("vary"), Some("accept-encoding"), "{path}");
        }
        // Bytes that differ have tags that differ.
        assert_ne!(plain.header("etag"), packed.header("etag"));
        let tag = packed.header("etag").expect("a tag");
        let again = |coding: &'static str| {
            let call = nobody.call(Method::GET, &path).header("if-none-match", tag);
            call.header("accept-encoding", coding).send()
        };
        let same = again("gzip").await;
        assert_eq!((same.status, same.body.len()), (304, 0), "{path}");
        assert_eq!(same.header("etag"), Some(tag));
        assert_eq!(again("identity").await.status, 200, "{path}");
    }
}
