//! Who may ask: under which names, from which pages, and with which token. Pure.

use std::net::IpAddr;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// Whether a request's `Host` is one of ours.
///
/// Addresses are, and so is `localhost`: a page that tricks a browser into asking us (DNS rebinding) needs a name of its
/// own for that.
pub(super) fn knows_host(host: Option<&str>, names: &[String]) -> bool {
    let Some(host) = host else { return false };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok() || name == "localhost" || names.contains(&name)
}

/// Whether a request comes from one of our own pages, or from no page at all.
///
/// A browser says where a request comes from: `Origin` with whatever changes something or is read by a script
/// (RFC 6454), `Sec-Fetch-Site` with everything (Fetch Metadata). Other programs send neither. `page` is whether only the
/// page itself is asked for: whoever follows a link to it comes from elsewhere.
pub(super) fn is_ours(host: &str, origin: Option<&str>, site: Option<&str>, page: bool) -> bool {
    let same = |origin: &str| {
        let name = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
        name.is_some_and(|name| name.eq_ignore_ascii_case(host))
    };
    let from = origin.is_none_or(same);
    from && (page || site.is_none_or(|site| ["same-origin", "none"].contains(&site)))
}

/// Whether the `Authorization` header bears the token. Takes as long for a wrong token as for the right one.
pub(super) fn bears(header: Option<&str>, token: &Secret) -> bool {
    let given =
        header.and_then(|text| text.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    is_token(given.map_or("", |(_, given)| given.trim()), token)
}

/// Whether this is the token. Takes as long for a wrong one as for the right one.
pub(super) fn is_token(given: &str, token: &Secret) -> bool {
    // Digests are compared instead of texts: `verify` looks at all of them, whatever their beginnings.
    let digest = |text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(token.reveal().as_bytes())
            .expect("HMAC takes keys of every length (RFC 2104, section 2)");
        mac.update(text.as_bytes());
        mac
    };
    digest(given).verify(&digest(token.reveal()).finalize().into_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_refused() {
        let names = ["nvr.lan".to_owned()];
        for (host, known) in [
            (Some("127.0.0.1:9464"), true),
            (Some("127.0.0.1"), true),
            (Some("[::1]:9464"), true),
            (Some("[::1]"), true),
            (Some("192.0.2.7:80"), true),
            (Some("LocalHost:9464"), true),
            (Some("NVR.lan.:9464"), true),
            (Some("evil.example"), false),
            (Some("evil.example:9464"), false),
            (Some("127.0.0.1.evil.example"), false),
            (Some("lan"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(knows_host(host, &names), known, "{host:?}");
        }
    }

    #[test]
    fn pages_of_others_are_refused() {
        let host = "127.0.0.1:9464";
        for (origin, site, page, ours) in [
            (None, None, false, true),
            (Some("http://127.0.0.1:9464"), Some("same-origin"), false, true),
            (Some("https://127.0.0.1:9464"), None, false, true),
            (None, Some("none"), false, true),
            (Some("http://127.0.0.1:8080"), Some("same-site"), false, false),
            (Some("http://evil.example"), None, false, false),
            (Some("null"), Some("cross-site"), false, false),
            (None, Some("cross-site"), false, false),
            (None, Some("cross-site"), true, true),
            (Some("http://evil.example"), Some("cross-site"), true, false),
        ] {
            assert_eq!(is_ours(host, origin, site, page), ours, "{origin:?} {site:?} {page}");
        }
    }

    #[test]
    fn only_the_token_opens() {
        let token = Secret::new("tk-0123456789");
        for (header, opens) in [
            (Some("Bearer tk-0123456789"), true),
            (Some("bearer  tk-0123456789 "), true),
            (Some("Bearer tk-012345678"), false),
            (Some("Bearer tk-01234567890"), false),
            (Some("Basic tk-0123456789"), false),
            (Some("tk-0123456789"), false),
            (Some("Bearer "), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(bears(header, &token), opens, "{header:?}");
        }
    }
}
