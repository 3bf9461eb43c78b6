use std::fmt;

use user_metadata_events::{EventId, Metadata, UserMetadataEvent};

use crate::IpPrivacy;

/// The only event, named as vendors recommend: object, then action.
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

/// The address, or the network if it was truncated; a keyed hash is not an address to a vendor.
pub(crate) fn address(event: &UserMetadataEvent) -> Option<String> {
    Some(event.metadata.ip.as_ref()?.address()?.to_string())
}

/// The address, if a location may be derived from it: a network's would be wrong.
pub(crate) fn locatable(event: &UserMetadataEvent, ip: IpPrivacy) -> Option<String> {
    address(event).filter(|_| ip == IpPrivacy::Full)
}

/// The network, if the address was truncated.
pub(crate) fn network(event: &UserMetadataEvent, ip: IpPrivacy) -> Option<String> {
    address(event).filter(|_| ip != IpPrivacy::Full)
}

/// Browser, system and device in parts, if these are known.
pub(crate) struct Parts<'a> {
    /// The full name, else name and version in one.
    pub(crate) browser: Option<&'a str>,
    pub(crate) browser_version: Option<&'a str>,
    /// The same for the system.
    pub(crate) os: Option<&'a str>,
    pub(crate) os_version: Option<&'a str>,
    pub(crate) vendor: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
}

impl<'a> From<&'a Metadata> for Parts<'a> {
    fn from(metadata: &'a Metadata) -> Self {
        let agent = metadata.agent.as_ref();
        let browser = agent.and_then(|agent| agent.browser.as_ref());
        let os = agent.and_then(|agent| agent.os.as_ref());
        let device = agent.and_then(|agent| agent.device.as_ref());
        let name = browser.map(|browser| &*browser.name);
        let os_name = os.map(|os| &*os.name);
        Self {
            browser: name.or(metadata.browser.as_deref()),
            browser_version: browser.and_then(|browser| browser.version.as_deref()),
            os: os_name.or(metadata.os.as_deref()),
            os_version: os.and_then(|os| os.version.as_deref()),
            vendor: device.and_then(|device| device.vendor.as_deref()),
            model: device.and_then(|device| device.model.as_deref()),
        }
    }
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
