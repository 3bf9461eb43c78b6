use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;

use super::sign::{ID, Key, SIGNATURE, TIMESTAMP};

/// Why a request is not authentic, or not recent. Answer it with 401, without details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The receiver's own secret is malformed.
    #[error("the secret must be `whsec_` and the base64 of 24 to 64 bytes")]
    Secret,
    /// A header is missing, or is not text.
    #[error("the header `{0}` is missing or malformed")]
    Header(&'static str),
    /// It was signed too long ago, or is ahead of the receiver's clock: it may be
    /// replayed, or a clock is wrong.
    #[error("the signature is not of this time")]
    Time,
    /// It was signed with another secret, or the body was changed.
    #[error("the signature is not that of this body and secret")]
    Signature,
}

/// Checks that a request was signed with the secret, within `tolerance` of `now`; five minutes are
/// usual. Give it the body as received: parsed and serialized again, it differs.
///
/// A repeated delivery has the same `webhook-id`, or at least the same event ids: remember those.
///
/// # Errors
///
/// [`VerifyError`]: don't use the body.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use http::{HeaderMap, HeaderValue};
/// use user_metadata_sinks::webhook::{VerifyError, verify};
///
/// let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// let body = br#"{"test": 2432232314}"#;
/// let mut headers = HeaderMap::new();
/// for (name, value) in [
///     ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
///     ("webhook-timestamp", "1614265330"),
///     ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
/// ] {
///     headers.insert(name, HeaderValue::from_static(value));
/// }
/// let now = UNIX_EPOCH + Duration::from_secs(1_614_265_335);
/// let tolerance = Duration::from_secs(300);
/// assert_eq!(verify(&headers, body, secret, now, tolerance), Ok(()));
/// assert_eq!(verify(&headers, b"{}", secret, now, tolerance), Err(VerifyError::Signature));
/// ```
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret: &str,
    now: SystemTime,
    tolerance: Duration,
) -> Result<(), VerifyError> {
    let key = Key::parse(secret.trim()).ok_or(VerifyError::Secret)?;
    let header = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or(VerifyError::Header(name))
    };
    let (id, timestamp) = (header(ID)?, header(TIMESTAMP)?);
    let seconds = timestamp
        .parse()
        .map_err(|_| VerifyError::Header(TIMESTAMP))?;
    let signed = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    let signed = signed.ok_or(VerifyError::Header(TIMESTAMP))?;
    let apart = now
        .duration_since(signed)
        .unwrap_or_else(|ahead| ahead.duration());
    if apart > tolerance {
        return Err(VerifyError::Time);
    }
    let signatures = header(SIGNATURE)?;
    let is_right = key.has_signed(signatures, id.as_bytes(), timestamp.as_bytes(), body);
    is_right.then_some(()).ok_or(VerifyError::Signature)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    /// From the specification's own libraries.
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn headers(signature: &str) -> HeaderMap {
        [
            (ID, "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            (TIMESTAMP, "1614265330"),
            (SIGNATURE, signature),
        ]
        .into_iter()
        .map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect()
    }

    fn at(seconds: u64, headers: &HeaderMap) -> Result<(), VerifyError> {
        let now = UNIX_EPOCH + Duration::from_secs(seconds);
        verify(headers, BODY, SECRET, now, Duration::from_secs(300))
    }

    #[test]
    fn one_right_signature_among_others_is_enough() {
        let others = format!("v1a,x v1,AAAA v2,zzz {SIGNED}");
        assert_eq!(at(1_614_265_330, &headers(&others)), Ok(()));
        for wrong in ["", "v1,", "v1,AAAA", &SIGNED[..20], &SIGNED[3..]] {
            let verified = at(1_614_265_330, &headers(wrong));
            assert_eq!(verified, Err(VerifyError::Signature), "{wrong}");
        }
    }

    #[test]
    fn it_is_fresh_within_the_tolerance_either_way() {
        let headers = headers(SIGNED);
        for fresh in [1_614_265_030, 1_614_265_630] {
            assert_eq!(at(fresh, &headers), Ok(()));
        }
        for stale in [0, 1_614_265_029, 1_614_265_631] {
            assert_eq!(at(stale, &headers), Err(VerifyError::Time));
        }
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        for name in [ID, TIMESTAMP, SIGNATURE] {
            let mut headers = headers(SIGNED);
            headers.remove(name);
            assert_eq!(at(1_614_265_330, &headers), Err(VerifyError::Header(name)));
        }
        for odd in ["", "-1", "soon", "99999999999999999999"] {
            let mut headers = headers(SIGNED);
            headers.insert(TIMESTAMP, odd.parse().unwrap());
            let verified = at(1_614_265_330, &headers);
            assert_eq!(verified, Err(VerifyError::Header(TIMESTAMP)), "{odd}");
        }
        for secret in [
            "",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAA",
            "whsec_?",
        ] {
            let tolerance = Duration::MAX;
            let verified = verify(&headers(SIGNED), BODY, secret, UNIX_EPOCH, tolerance);
            assert_eq!(verified, Err(VerifyError::Secret), "{secret}");
        }
    }
}
