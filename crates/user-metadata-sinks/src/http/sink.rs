use std::collections::HashMap;
use std::path::PathBuf;
use std::time::SystemTime;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::HeaderMap;
use user_metadata_consumer::{Delivery, Rejection, Sink, SinkError};
use user_metadata_events::{EventId, UnixMillis};

use super::client::{Client, gzip};
use super::{Answer, Endpoint, Entry, Platform, Verdict};
use crate::OpenError;
use crate::url::HttpTarget;

/// Posts events to a [`Platform`].
#[derive(Debug)]
pub(crate) struct HttpSink<P> {
    poster: Poster<P>,
    /// What became of events of a batch that failed in part: when it is delivered again, these are
    /// not posted again.
    settled: HashMap<EventId, Fate>,
}

/// Why the vendor never accepts an event; `None`: it has stored it.
type Fate = Option<String>;

#[derive(Debug)]
struct Poster<P> {
    client: Client,
    /// The file that has the key.
    secret: PathBuf,
    platform: P,
}

/// What became of the events of a request, by their index in the batch.
#[derive(Default)]
struct Outcome {
    fates: Vec<(usize, Fate)>,
    error: Option<SinkError>,
}

#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error("{endpoint} is unavailable: {problem}")]
    Unavailable { endpoint: Endpoint, problem: String },
    #[error(
        "{endpoint} refuses the key ({status}): check the secret in {}, its project and region",
        secret.display()
    )]
    Refused {
        endpoint: Endpoint,
        status: http::StatusCode,
        secret: PathBuf,
    },
    #[error("{endpoint} does not accept this sink's events: {problem}")]
    Trial { endpoint: Endpoint, problem: String },
}

impl<P: Platform> HttpSink<P> {
    pub(crate) fn open(target: &HttpTarget, path: &str, platform: P) -> Result<Self, OpenError> {
        let endpoint = Endpoint::new(&format!("{}{path}", target.address.reveal()))?;
        let client = Client::new(endpoint, target.ca.as_deref(), target.timeout)?;
        Ok(Self {
            poster: Poster {
                client,
                secret: target.secret.clone(),
                platform,
            },
            settled: HashMap::new(),
        })
    }

    /// Posts the events that are not settled; afterwards all are, or there is an error.
    async fn post_all(&mut self, batch: &[Delivery]) -> Option<SinkError> {
        let Self { poster, settled } = self;
        let mut requests = poster.requests(batch, settled).into_iter();
        let mut running = FuturesUnordered::new();
        let mut error = None;
        loop {
            // After an error, wait for the requests in flight: they may still succeed.
            while error.is_none() && running.len() < P::IN_FLIGHT {
                match requests.next() {
                    Some(entries) => running.push(poster.deliver(entries)),
                    None => break,
                }
            }
            let Some(outcome) = running.next().await else {
                return error;
            };
            let fates = outcome.fates.into_iter();
            settled.extend(fates.map(|(index, fate)| (batch[index].event.id, fate)));
            error = error.or(outcome.error);
        }
    }
}

impl<P: Platform> Sink for HttpSink<P> {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        let Some((endpoint, body)) = self.poster.platform.trial() else {
            return self.poster.client.reach().await;
        };
        let (client, platform) = (&self.poster.client, &self.poster.platform);
        let answer = client.post(endpoint, HeaderMap::new(), body).await?;
        match Verdict::of(&answer) {
            Verdict::Stored => match platform.read_trial(&answer) {
                Some(problem) => Err(SinkError::fatal(AnswerError::Trial {
                    endpoint: endpoint.clone(),
                    problem,
                })),
                None => Ok(()),
            },
            verdict => Err(self.poster.error(&answer, verdict)),
        }
    }

    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        if let Some(error) = self.post_all(batch).await {
            return Err(error);
        }
        let settled = std::mem::take(&mut self.settled);
        let rejections = batch.iter().enumerate().filter_map(|(index, delivery)| {
            let reason = settled.get(&delivery.event.id)?.clone()?;
            Some(Rejection::new(index, reason))
        });
        Ok(rejections.collect())
    }
}

impl<P: Platform> Poster<P> {
    /// The requests for the events that are not settled; those that can't be sent are settled.
    fn requests<'a>(
        &self,
        batch: &'a [Delivery],
        settled: &mut HashMap<EventId, Fate>,
    ) -> Vec<Vec<Entry<'a>>> {
        let now = UnixMillis::from(SystemTime::now());
        let limits = P::LIMITS;
        let (before, after) = self.platform.envelope();
        let mut requests: Vec<Vec<Entry<'_>>> = Vec::new();
        let mut bytes = 0;
        for (index, Delivery { event, .. }) in batch.iter().enumerate() {
            if settled.contains_key(&event.id) {
                continue;
            }
            let json = match self.platform.encode(event, now) {
                Ok(json) if json.len() <= limits.event_bytes => json,
                Ok(json) => {
                    let (bytes, most) = (json.len(), limits.event_bytes);
                    let reason = format!("{bytes} bytes; the vendor takes {most}");
                    settled.insert(event.id, Some(reason));
                    continue;
                }
                Err(reason) => {
                    settled.insert(event.id, Some(reason));
                    continue;
                }
            };
            bytes += json.len() + 1;
            let entry = Entry { index, event, json };
            match requests.last_mut() {
                Some(last) if last.len() < limits.events && bytes <= limits.bytes => {
                    last.push(entry);
                }
                _ => {
                    bytes = before.len() + entry.json.len() + after.len();
                    requests.push(vec![entry]);
                }
            }
        }
        requests
    }

    /// Posts the events, in as many requests as necessary.
    async fn deliver(&self, entries: Vec<Entry<'_>>) -> Outcome {
        let mut outcome = Outcome::default();
        let mut waiting = vec![entries];
        while let Some(mut entries) = waiting.pop() {
            if entries.is_empty() {
                continue;
            }
            let answer = match self.post(&entries).await {
                Ok(answer) => answer,
                Err(error) => {
                    outcome.error = Some(error);
                    break;
                }
            };
            match self.platform.read(&answer, &entries).within(entries.len()) {
                Verdict::Stored => outcome.settle(&entries, Vec::new()),
                Verdict::Except(rejected) => outcome.settle(&entries, rejected),
                Verdict::Without(rejected) if !rejected.is_empty() => {
                    let rest = outcome.reject(entries, rejected);
                    waiting.push(rest);
                }
                Verdict::Without(_) | Verdict::Split if entries.len() > 1 => {
                    let second = entries.split_off(entries.len() / 2);
                    waiting.push(second);
                    waiting.push(entries);
                }
                Verdict::Without(_) | Verdict::Split => {
                    outcome.settle(&entries, vec![(0, answer.in_words())]);
                }
                verdict => {
                    outcome.error = Some(self.error(&answer, verdict));
                    break;
                }
            }
        }
        outcome
    }

    async fn post(&self, entries: &[Entry<'_>]) -> Result<Answer, SinkError> {
        let (before, after) = self.platform.envelope();
        let size: usize = entries.iter().map(|entry| entry.json.len() + 1).sum();
        let mut body = Vec::with_capacity(before.len() + size + after.len());
        body.extend_from_slice(before);
        for (place, entry) in entries.iter().enumerate() {
            if place > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&entry.json);
        }
        body.extend_from_slice(after);
        let mut headers = HeaderMap::new();
        let now = UnixMillis::from(SystemTime::now());
        self.platform.authorize(&body, now, &mut headers);
        if P::GZIP {
            body = gzip(&body, &mut headers)?;
        }
        self.client
            .post(self.client.endpoint(), headers, body)
            .await
    }

    fn error(&self, answer: &Answer, verdict: Verdict) -> SinkError {
        let endpoint = self.client.endpoint().clone();
        let status = answer.status;
        match verdict {
            Verdict::Refused => SinkError::fatal(AnswerError::Refused {
                endpoint,
                status,
                secret: self.secret.clone(),
            }),
            Verdict::Unavailable {
                retry_after,
                problem,
            } => SinkError::Unavailable {
                retry_after,
                source: AnswerError::Unavailable { endpoint, problem }.into(),
            },
            _ => SinkError::unavailable(AnswerError::Unavailable {
                endpoint,
                problem: format!("it answers {status}"),
            }),
        }
    }
}

impl Outcome {
    fn settle(&mut self, entries: &[Entry<'_>], rejected: Vec<(usize, String)>) {
        let mut reasons: HashMap<usize, String> = rejected.into_iter().collect();
        for (place, entry) in entries.iter().enumerate() {
            self.fates.push((entry.index, reasons.remove(&place)));
        }
    }

    /// Notes what is rejected, and returns the others.
    fn reject<'a>(
        &mut self,
        entries: Vec<Entry<'a>>,
        rejected: Vec<(usize, String)>,
    ) -> Vec<Entry<'a>> {
        let mut reasons: HashMap<usize, String> = rejected.into_iter().collect();
        let mut rest = Vec::with_capacity(entries.len());
        for (place, entry) in entries.into_iter().enumerate() {
            match reasons.remove(&place) {
                Some(reason) => self.fates.push((entry.index, Some(reason))),
                None => rest.push(entry),
            }
        }
        rest
    }
}
