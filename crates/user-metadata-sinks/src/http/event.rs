use std::fmt;

use serde_json::{Value, json};
use user_metadata_events::{EventId, Metadata, UserMetadataEvent};

use crate::IpPrivacy;

/// The one event that there is, in the words that vendors ask for: object, then action.
pub(crate) const JOINED: &str = "User Joined";

/// An event's id as a UUID.
pub(crate) struct Uuid(pub(crate) EventId);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.to_u128();
        let part = |shift: u32, digits: u32| (bits >> shift) & ((1 << (4 * digits)) - 1);
        let (a, b, c, d, e) = (
            part(96, 8),
            part(80, 4),
            part(64, 4),
            part(48, 4),
            part(0, 12),
        );
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

/// The address, or the network that is left of it; a keyed hash is no address to a vendor.
pub(crate) fn address(event: &UserMetadataEvent) -> Option<String> {
    Some(event.metadata.ip.as_ref()?.address()?.to_string())
}

/// The address, if a place may be derived from it: of a network it would be a wrong place.
pub(crate) fn locatable(event: &UserMetadataEvent, ip: IpPrivacy) -> Option<String> {
    address(event).filter(|_| ip == IpPrivacy::Full)
}

/// The network, where that is all there is.
pub(crate) fn network(event: &UserMetadataEvent, ip: IpPrivacy) -> Option<String> {
    address(event).filter(|_| ip != IpPrivacy::Full)
}

/// The full name and version of browser and system, where they are known apart.
pub(crate) fn parts(metadata: &Metadata) -> Value {
    let agent = metadata.agent.as_ref();
    let browser = agent.and_then(|agent| agent.browser.as_ref());
    let os = agent.and_then(|agent| agent.os.as_ref());
    let device = agent.and_then(|agent| agent.device.as_ref());
    json!({
        "browser": browser.map(|browser| &browser.name).or(metadata.browser.as_ref()),
        "browserVersion": browser.and_then(|browser| browser.version.as_ref()),
        "os": os.map(|os| &os.name).or(metadata.os.as_ref()),
        "osVersion": os.and_then(|os| os.version.as_ref()),
        "vendor": device.and_then(|device| device.vendor.as_ref()),
        "model": device.and_then(|device| device.model.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_the_bits_of_the_id() {
        let id = EventId::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(Uuid(id).to_string(), "01234567-89ab-cdef-0123-456789abcdef");
    }
}
