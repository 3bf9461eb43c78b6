use user_metadata_consumer::Delivery;
use user_metadata_events::ClientIp;

use crate::fence::Place;

/// The fields of the user's hash, followed by the user's id.
const TEXTS: usize = Row::FIELDS.len() + 1;
const BROWSER: usize = 3;
const OS: usize = 4;
const DEVICE: usize = 5;
const USER: usize = Row::FIELDS.len();

/// The parts of an event that Redis gets. One allocation holds all its text: the last seconds of these are
/// kept in memory.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) offset: u64,
    /// In a replay, the offset from which on every event was delivered.
    pub(super) replayed_from: Option<u64>,
    /// When the user joined, in ms since the epoch.
    pub(super) time: u64,
    text: Box<str>,
    ends: [u32; TEXTS],
}

impl Row {
    /// The fields of a user's hash besides `timestamp`. Empty is unknown, so that no value of
    /// an older event stays.
    pub(super) const FIELDS: [&str; 8] = [
        "event", "username", "session", "browser", "os", "device", "language", "ip",
    ];

    pub(super) fn new(delivery: &Delivery) -> Self {
        let Delivery {
            event,
            position,
            replayed_from,
            ..
        } = delivery;
        let metadata = &event.metadata;
        let address = event.connection_info.ip_address.as_ref();
        let ip = metadata.ip.as_ref().or(address).map(ClientIp::to_string);
        let optional = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        let texts: [&str; TEXTS] = [
            &event.id.to_string(),
            &event.username,
            &event.session_id,
            &optional(&metadata.browser),
            &optional(&metadata.os),
            &optional(&metadata.device),
            &optional(&metadata.language),
            &ip.unwrap_or_default(),
            &event.user_id,
        ];
        let mut end = 0;
        let ends = texts.map(|text| {
            end += text.len();
            // A record of 4 GiB does not exist.
            u32::try_from(end).unwrap_or(u32::MAX)
        });
        Self {
            place: position.into(),
            offset: position.offset,
            replayed_from: *replayed_from,
            time: event.timestamp.as_u64(),
            text: texts.concat().into(),
            ends,
        }
    }

    fn text(&self, index: usize) -> &str {
        let end = |index: usize| self.ends.get(index).map_or(0, |end| *end as usize);
        let start = index.checked_sub(1).map_or(0, end);
        self.text.get(start..end(index)).unwrap_or_default()
    }

    pub(super) fn user(&self) -> &str {
        self.text(USER)
    }

    pub(super) fn browser(&self) -> &str {
        self.text(BROWSER)
    }

    pub(super) fn os(&self) -> &str {
        self.text(OS)
    }

    pub(super) fn device(&self) -> &str {
        self.text(DEVICE)
    }

    /// The fields of the user's hash.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = Self::FIELDS.into_iter().enumerate();
        fields.map(|(index, name)| (name, self.text(index)))
    }
}
