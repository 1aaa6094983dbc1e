//! Sessions of browsers, which can't send a token with pictures and event streams: a cookie that only somebody who knew the
//! token can have made. Nothing is remembered here, so a restart logs nobody out and another token everybody. Pure.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// Seconds for which a session holds.
pub(super) const LASTS: u64 = 12 * 3600;

/// The cookie's value is `<end>.<proof>`: seconds since 1970 until which it holds, and their HMAC under the token.
pub(super) fn begin(token: &Secret, now: u64) -> String {
    let end = now.saturating_add(LASTS);
    let proof = mac(token, end).finalize().into_bytes();
    let hex: String = proof.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{end}.{hex}")
}

/// Whether a cookie's value was made with the token and still holds.
pub(super) fn holds(token: &Secret, value: &str, now: u64) -> bool {
    let Some((end, hex)) = value.split_once('.') else { return false };
    let (Ok(end), Some(proof)) = (end.parse::<u64>(), bytes(hex)) else { return false };
    // `verify_slice` takes as long for a wrong proof as for the right one.
    mac(token, end).verify_slice(&proof).is_ok() && now < end && end <= now.saturating_add(LASTS)
}

/// The value of a cookie among those of a `Cookie` header.
pub(super) fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn mac(token: &Secret, end: u64) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.reveal().as_bytes())
        .expect("HMAC takes keys of every length (RFC 2104, section 2)");
    mac.update(format!("miqa session until {end}").as_bytes());
    mac
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    digits.map(|pair| u8::from_str_radix(pair.filter(|pair| pair.len() == 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_needs_the_token_and_ends() {
        let (token, other) = (Secret::new("tk-session"), Secret::new("tk-other"));
        let value = begin(&token, 1000);
        assert!(holds(&token, &value, 1000) && holds(&token, &value, 999 + LASTS));
        assert!(!holds(&token, &value, 1000 + LASTS) && !holds(&other, &value, 1000));
        let (end, proof) = value.split_once('.').expect("two parts");
        // One that holds for ever can't be made of one that ends, and none holds before its time.
        let later = format!("{}.{proof}", end.parse::<u64>().expect("seconds") + 1);
        for forged in
            [later.as_str(), proof, end, "", ".", "1.", &format!("{end}."), &format!("{end}.{proof}00"), "9.zz"]
        {
            assert!(!holds(&token, forged, 1000), "{forged}");
        }
        assert!(!holds(&token, &value, 1), "made in the future");
        assert_eq!(cookie("a=1; miqa_9464=x.y ;b=2", "miqa_9464"), Some("x.y"));
        assert_eq!(cookie("a=1", "miqa_9464"), None);
    }
}
