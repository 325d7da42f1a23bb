//! Domains: `https://www.Acme.com/x` is `acme.com`.

use super::fault::ValueFault;
use super::spelling::Spelling;
use super::text;
use crate::records::model::key::fold_case;
use crate::records::objects::field::Kind;

/// Appends the host of `value` in lower case, without `www.` and the root's dot. In cells a shared host is a fault.
pub fn parse(value: &str, spelling: Spelling, out: &mut String) -> Result<(), ValueFault> {
    let start = out.len();
    text::check_seen(value)?;
    fold_case(host(value), out);
    // All of them, so that what is stored is read as itself again; but `www.com` is a host of its own.
    while is_led_by_www(&out[start..]) {
        out.drain(start..start + 4);
    }
    let domain = &out[start..];
    if !is_domain(domain) {
        return Err(ValueFault::NotDomain);
    }
    if spelling != Spelling::Exact && is_shared(domain) {
        return Err(ValueFault::SharedHost);
    }
    text::check_chars(domain, Kind::KEY_CHARS)
}

/// Hosts on which companies have pages, under these names and under names below them (`de-de.facebook.com`). By such an
/// address all of them would be one account.
static SHARED_HOSTS: [&str; 36] = [
    "about.me",
    "bit.ly",
    "bitbucket.org",
    "bsky.app",
    "crunchbase.com",
    "docs.google.com",
    "drive.google.com",
    "facebook.com",
    "fb.com",
    "fb.me",
    "forms.gle",
    "g.page",
    "github.com",
    "gitlab.com",
    "goo.gl",
    "instagram.com",
    "linkedin.com",
    "linktr.ee",
    "lnkd.in",
    "maps.google.com",
    "meetup.com",
    "pinterest.com",
    "reddit.com",
    "sites.google.com",
    "t.co",
    "t.me",
    "threads.net",
    "tiktok.com",
    "twitter.com",
    "vimeo.com",
    "wa.me",
    "weibo.com",
    "x.com",
    "xing.com",
    "youtu.be",
    "youtube.com",
];

fn is_shared(domain: &str) -> bool {
    let is_below = |host: &&str| {
        let above = domain.strip_suffix(*host);
        above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
    };
    SHARED_HOSTS.iter().any(is_below)
}

fn is_led_by_www(domain: &str) -> bool {
    domain.strip_prefix("www.").is_some_and(|rest| rest.contains('.'))
}

/// What stands between scheme and user, and port, path, query and fragment.
fn host(value: &str) -> &str {
    let (has_scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => (true, rest),
        _ => (false, value.strip_prefix("//").unwrap_or(value)),
    };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = &rest[..end];
    // Without a scheme `x@acme.com` is an email address in the wrong column, not a host.
    let host_and_port = match authority.rsplit_once('@') {
        Some((_, host)) if has_scheme => host,
        _ => authority,
    };
    let host = match host_and_port.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host_and_port,
    };
    host.strip_suffix('.').unwrap_or(host)
}

/// Two labels or more of letters (of any script), digits, `-` and `_`.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label
                .chars()
                .all(|letter| letter.is_alphanumeric() || is_mark(letter))
    };
    domain.contains('.') && domain.split('.').all(is_label)
}

/// Characters of a label that are neither letter nor digit; combining marks are part of the letters of
/// many scripts.
fn is_mark(letter: char) -> bool {
    matches!(letter, '-' | '_') || unicode_normalization::char::is_combining_mark(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Option<String> {
        let mut out = String::new();
        parse(value, Spelling::CELLS, &mut out).ok().map(|()| out)
    }

    #[test]
    fn a_shared_host_is_the_domain_of_none_that_a_file_names() {
        assert!(SHARED_HOSTS.is_sorted());
        for shared in [
            "https://www.facebook.com/acme",
            "de-de.facebook.com/acme",
            "linkedin.com/company/acme/",
            "https://uk.linkedin.com/company/acme",
            "HTTPS://X.COM/acme",
            "http://twitter.com/#!/acme",
            "https://www.youtube.com/@acme",
            "m.youtube.com/c/acme",
            "https://sites.google.com/view/acme",
            "https://github.com/acme",
            "instagram.com/acme?igsh=1",
        ] {
            let fault = parse(shared, Spelling::CELLS, &mut String::new());
            assert_eq!(fault, Err(ValueFault::SharedHost), "{shared}");
        }
        for own in [
            "netflix.com",
            "google.com",
            "acme.github.io",
            "notfacebook.com",
            "facebook.com.example",
        ] {
            assert_eq!(parsed(own).as_deref(), Some(own));
        }
        assert_eq!(parse("github.com", Spelling::Exact, &mut String::new()), Ok(()));
    }

    #[test]
    fn loses_scheme_www_path_and_case() {
        for spelled in [
            "acme.com",
            "ACME.com",
            "www.acme.com",
            "https://www.Acme.com/x",
            "http://acme.com:8080/?q=1#top",
            "acme.com/about",
            "//acme.com",
            "https://user:pw@acme.com",
            "acme.com.",
            "HTTPS://WWW.ACME.COM",
        ] {
            assert_eq!(parsed(spelled).as_deref(), Some("acme.com"), "{spelled}");
        }
        assert_eq!(parsed("www.www.acme.com").as_deref(), Some("acme.com"));
        assert_eq!(parsed("www.com").as_deref(), Some("www.com"));
        assert_eq!(parsed("shop.acme.co.uk").as_deref(), Some("shop.acme.co.uk"));
        assert_eq!(parsed("Müller.de").as_deref(), Some("müller.de"));
    }

    #[test]
    fn refuses_what_is_no_host() {
        for bad in [
            "n/a",
            "acme",
            "acme com",
            "a@acme.com",
            "-",
            "http://",
            "a..b",
            ".com",
            "a.b, c.d",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
