use std::path::Path;
use std::time::SystemTime;

use user_metadata_events::{
    ClientId, ClientIp, ConnectionInfo, EventId, IpSource, Metadata, UnixMillis, User,
    UserMetadataEvent,
};

use crate::Failure;

/// Enough for no event to repeat within a compression window, and few enough not to matter in the
/// memory of a candidate.
const EVENTS: u64 = 4_096;
/// The size of each event's JSON.
pub(crate) const BYTES: usize = 500;
/// The number of users; each joins repeatedly.
const USERS: u64 = 50_000;

/// Writes the file of events that all candidates publish, one per line. Their time is now: old
/// events would be removed from the topic at once.
pub(crate) fn write(path: &Path) -> Result<(), Failure> {
    let at = UnixMillis::from(SystemTime::now());
    let mut text = String::new();
    for number in 0..EVENTS {
        let short = event(at, number, "")?.encode()?.len();
        let room = BYTES.checked_sub(short).ok_or("an event is too long")?;
        let event = event(at, number, &letters(number, room))?.encode()?;
        text.push_str(std::str::from_utf8(&event)?);
        text.push('\n');
    }
    Ok(std::fs::write(path, text)?)
}

/// Reads the file.
pub(crate) fn read(path: &str) -> Result<Vec<UserMetadataEvent>, Failure> {
    let text = std::fs::read_to_string(path)?;
    let events = text.lines().map(|line| {
        let event = UserMetadataEvent::decode(Some(line.as_bytes()));
        event.map_err(Failure::from)
    });
    events.collect()
}

/// The user of the event of this number, always of the same length; users are in a random order that
/// is the same in every run.
pub(crate) fn user_id(number: u64) -> String {
    format!("user-{:05}", number.wrapping_mul(2_654_435_761) % USERS)
}

/// Turns one of these events into one of the next user with a new id.
pub(crate) fn made(templates: &[UserMetadataEvent], number: u64) -> UserMetadataEvent {
    let place = usize::try_from(number).unwrap_or_default() % templates.len();
    let mut event = templates[place].clone();
    event.user_id = user_id(number);
    event.id = EventId::from_parts(event.timestamp, u128::from(number));
    event
}

/// An event as ws-server makes it from a browser's upgrade.
fn event(at: UnixMillis, number: u64, more: &str) -> Result<UserMetadataEvent, Failure> {
    let random = u128::from(mix(number)) << 64 | u128::from(mix(number + EVENTS));
    let user = User::new(user_id(number), "John", None)?;
    let mut connection = ConnectionInfo::new(ClientId::from_parts(at, !random));
    let ip = format!("203.0.113.{}", 100 + mix(number) % 100);
    connection.ip_address = Some(ClientIp::from(&*ip));
    connection.ip_source = Some(IpSource::Peer);
    let version = 100 + mix(number) % 40;
    let mut metadata = Metadata::default();
    metadata.ip = connection.ip_address.clone();
    metadata.user_agent = Some(format!(
        "Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0{more}"
    ));
    metadata.browser = Some(format!("Firefox {version}.0"));
    metadata.os = Some("Linux".to_owned());
    metadata.device = Some("Desktop".to_owned());
    metadata.language = Some("en-US,en;q=0.5".to_owned());
    let id = EventId::from_parts(at, random);
    Ok(UserMetadataEvent::new(id, user, metadata, connection))
}

/// Incompressible text.
fn letters(number: u64, length: usize) -> String {
    let seeds = (0..).take(length.div_ceil(16));
    let words = seeds.map(|seed: u64| format!("{:016x}", mix(number ^ seed << 32)));
    let mut letters: String = words.collect();
    letters.truncate(length);
    letters
}

/// Steele, Lea and Flood's SplitMix64: the same numbers in every run.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_the_same_size_and_its_user_at_the_same_place() {
        let file = user_metadata_testing::Scratch::new("events");
        let path = file.file("events");
        write(path.as_ref()).unwrap();
        for (line, number) in std::fs::read_to_string(&path).unwrap().lines().zip(0..) {
            assert_eq!(line.len(), BYTES);
            // The peers find both by their position.
            assert_eq!(&line[45..][..10], user_id(number));
            assert!(line.starts_with(r#"{"id":""#) && &line[33..45] == r#"","userId":""#);
        }
        assert_eq!(read(&path).unwrap().len() as u64, EVENTS);
    }
}
