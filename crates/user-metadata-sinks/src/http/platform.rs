use std::time::Duration;

use http::{HeaderMap, StatusCode};
use user_metadata_events::{UnixMillis, UserMetadataEvent};

use super::{Answer, Endpoint};

/// A vendor: what an event looks like there, how much fits into a request, what a response means.
pub(crate) trait Platform: Send + Sync + 'static {
    const LIMITS: Limits;
    /// How many requests may be in flight at once. More than one loses the order.
    const IN_FLIGHT: usize = 1;
    /// Whether the vendor accepts gzip.
    const GZIP: bool = false;

    /// The event as JSON, or why the vendor would never accept it.
    fn encode(&self, event: &UserMetadataEvent, now: UnixMillis) -> Result<Vec<u8>, String>;

    /// The parts of a body before and after the events, which are separated by commas.
    fn envelope(&self) -> (&[u8], &[u8]);

    /// Adds the headers that authorize the body.
    fn authorize(&self, _body: &[u8], _now: UnixMillis, _headers: &mut HeaderMap) {}

    /// What becomes of the events of a request.
    fn read(&self, answer: &Answer, _events: &[Entry<'_>]) -> Verdict {
        Verdict::of(answer)
    }

    /// A request that tests whether the vendor understands this sink's events, if it has one.
    fn trial(&self) -> Option<(&Endpoint, Vec<u8>)> {
        None
    }

    /// The error in the response to the trial.
    fn read_trial(&self, _answer: &Answer) -> Option<String> {
        None
    }
}

/// How much a vendor accepts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Events in a request.
    pub(crate) events: usize,
    /// Bytes of a request, uncompressed.
    pub(crate) bytes: usize,
    /// Bytes of an event.
    pub(crate) event_bytes: usize,
}

/// An event of a request.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// In the batch.
    pub(super) index: usize,
    pub(crate) event: &'a UserMetadataEvent,
    pub(super) json: Vec<u8>,
}

/// What becomes of the events of a request. Numbers are indexes in the request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stored,
    /// The vendor never accepts these; it has stored the others.
    Except(Vec<(usize, String)>),
    /// The vendor never accepts these; the others must be sent again without them.
    Without(Vec<(usize, String)>),
    /// Something in it is too large or invalid, and the vendor does not say what: halves are sent
    /// until the bad event is alone.
    Split,
    Unavailable {
        retry_after: Option<Duration>,
        problem: String,
    },
    /// No request will be accepted.
    Refused,
}

impl Verdict {
    /// Ignores what is said about events that were not in the request.
    pub(super) fn within(mut self, events: usize) -> Self {
        if let Self::Except(rejected) | Self::Without(rejected) = &mut self {
            rejected.retain(|(place, _)| *place < events);
        }
        self
    }

    /// What a status means if the vendor says nothing more.
    ///
    /// Only a status about the content rejects an event. Everything else may be fixed on the other
    /// side, also a wrong path and a redirect, and must not cost an event.
    pub(crate) fn of(answer: &Answer) -> Self {
        match answer.status {
            status if status.is_success() => Self::Stored,
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => Self::Split,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Refused,
            status if status.is_redirection() => Self::Unavailable {
                retry_after: answer.retry_after,
                problem: format!(
                    "it answers {status}; redirects are not followed: write the address that it \
                     leads to"
                ),
            },
            status => Self::Unavailable {
                retry_after: answer.retry_after,
                problem: format!("it answers {status}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;

    use super::*;

    fn of(status: u16) -> Verdict {
        let status = StatusCode::from_u16(status).unwrap();
        let now = SystemTime::UNIX_EPOCH;
        Verdict::of(&Answer::new(status, &HeaderMap::new(), now, Bytes::new()))
    }

    #[test]
    fn only_what_is_said_of_the_content_gives_an_event_up() {
        for status in [200, 201, 202, 204] {
            assert_eq!(of(status), Verdict::Stored, "{status}");
        }
        for status in [400, 413, 422] {
            assert_eq!(of(status), Verdict::Split, "{status}");
        }
        for status in [401, 403] {
            assert_eq!(of(status), Verdict::Refused, "{status}");
        }
        for status in [
            301, 302, 307, 404, 405, 408, 410, 411, 415, 425, 429, 500, 501, 503, 599,
        ] {
            let verdict = of(status);
            assert!(matches!(verdict, Verdict::Unavailable { .. }), "{status}");
        }
    }

    #[test]
    fn what_is_said_of_events_that_there_are_not_is_left_out() {
        let said = |places: &[usize]| places.iter().map(|place| (*place, String::new())).collect();
        let verdict = Verdict::Without(said(&[0, 2, 3])).within(3);
        assert_eq!(verdict, Verdict::Without(said(&[0, 2])));
    }
}
