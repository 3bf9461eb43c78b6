use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use crate::secret::Secret;

/// The key as the user, and no password.
pub(crate) fn basic(key: &Secret) -> HeaderValue {
    let text = format!("Basic {}", STANDARD.encode(format!("{}:", key.reveal())));
    // Base64 is text that every header takes.
    let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}
