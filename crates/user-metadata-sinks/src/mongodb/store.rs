use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use mongodb::bson::{Document, RawDocumentBuf, doc, serialize_to_bson};
use mongodb::error::ErrorKind;
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};
use user_metadata_consumer::Delivery;
use user_metadata_events::UnixMillis;

use super::command::{collect, number, within, within_driver};
use super::document::{RECORD, record};
use super::error::{DUPLICATE, StoreError, is_of_a_document};
use super::user::{Stored, User};

/// How often another process may come between.
const ATTEMPTS: usize = 5;

/// The collections.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
    events: Collection<RawDocumentBuf>,
    users: Collection<Stored>,
    /// How long MongoDB keeps events.
    keep: Option<Duration>,
}

/// Users of a chunk, by their id.
type Users<'a> = BTreeMap<&'a str, User<'a>>;

/// What became of documents, by their number.
#[derive(Debug, Default)]
pub(super) struct Inserted {
    /// An event of this id is there.
    pub(super) duplicates: HashSet<usize>,
    pub(super) rejected: BTreeMap<usize, String>,
}

/// The keys of the indexes of `events`: of a user's events, and of time, which may remove old ones.
pub(super) fn index_keys() -> [Document; 2] {
    [
        doc! { "userId": 1, "timestamp": -1 },
        doc! { "timestamp": 1 },
    ]
}

impl Store {
    pub(super) fn new(database: Database, keep: Option<Duration>) -> Self {
        Self {
            events: database.collection("events"),
            users: database.collection("users"),
            database,
            keep,
        }
    }

    /// Makes the indexes, where they are not there.
    pub(super) async fn prepare(&self) -> Result<(), StoreError> {
        let keep = self.keep;
        let [of_user, of_time] = index_keys();
        let options = IndexOptions::builder().expire_after(keep).build();
        let index = IndexModel::builder().keys(of_user).build();
        within(self.events.create_index(index)).await?;
        let index = IndexModel::builder().keys(of_time.clone());
        let index = index.options(options).build();
        let Err(error) = within(self.events.create_index(index)).await else {
            return Ok(());
        };
        match (&error, keep) {
            // It is there, with another time or none.
            (StoreError::Ever(_), Some(keep)) => {
                let seconds = i64::try_from(keep.as_secs()).unwrap_or(i64::MAX);
                let index = doc! { "keyPattern": of_time, "expireAfterSeconds": seconds };
                let change = doc! { "collMod": "events", "index": index };
                within(self.database.run_command(change)).await?;
                Ok(())
            }
            // Whoever wants events to be kept removes the index: not a thing to be done unasked.
            _ => Err(error),
        }
    }

    /// Inserts what is not there.
    pub(super) async fn insert(
        &self,
        documents: &[RawDocumentBuf],
    ) -> Result<Inserted, StoreError> {
        let mut inserted = Inserted::default();
        let insert = self.events.insert_many(documents).ordered(false);
        let Err(error) = within_driver(insert).await? else {
            return Ok(inserted);
        };
        let ErrorKind::InsertMany(failed) = &*error.kind else {
            return Err(error.into());
        };
        if let Some(concern) = &failed.write_concern_error {
            return Err(StoreError::Refused(concern.message.clone()));
        }
        for failed in failed.write_errors.iter().flatten() {
            if failed.code == DUPLICATE {
                inserted.duplicates.insert(failed.index);
            } else if is_of_a_document(failed.code) {
                let reason = format!("MongoDB refuses it (code {})", failed.code);
                inserted.rejected.insert(failed.index, reason);
            } else {
                return Err(StoreError::Refused(format!("code {}", failed.code)));
            }
        }
        Ok(inserted)
    }

    /// Of events that were there already, those that lie where they did when they were stored.
    pub(super) async fn same<'a>(
        &self,
        deliveries: impl Iterator<Item = &'a Delivery>,
    ) -> Result<HashSet<String>, StoreError> {
        let places: HashMap<String, Vec<Document>> =
            deliveries.fold(HashMap::new(), |mut map, d| {
                let places: &mut Vec<_> = map.entry(d.event.id.to_string()).or_default();
                places.push(record(&d.position));
                map
            });
        if places.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<&String> = places.keys().collect();
        let events: Collection<Document> = self.events.clone_with_type();
        let find = events.find(doc! { "_id": { "$in": ids } });
        let find = find.projection(doc! { RECORD: 1 });
        let stored = collect(find).await?;
        let places_of = |document: &Document| {
            let id = document.get_str("_id").ok()?;
            let place = document.get_document(RECORD).ok()?;
            places.get(id)?.contains(place).then(|| position(id, place))
        };
        Ok(stored.iter().filter_map(places_of).collect())
    }

    /// Notes with their users which events lie below what is counted and are not there: a replay
    /// brings what the group began behind, or what was rejected. To be called before they are
    /// inserted, for then they look like those that come again. Gives back the users as they are if
    /// no event lies there.
    pub(super) async fn note_missed<'a>(
        &self,
        deliveries: &[&'a Delivery],
    ) -> Result<Option<Users<'a>>, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut users = self.users(deliveries).await?;
            let now = now();
            let is_passed = |d: &&&Delivery| {
                let user = users.get(&*d.event.user_id);
                user.is_some_and(|user| user.has_passed(d))
            };
            let passed: Vec<_> = deliveries.iter().filter(is_passed).collect();
            if passed.is_empty() {
                return Ok(Some(users));
            }
            let ids: Vec<_> = passed.iter().map(|d| d.event.id.to_string()).collect();
            let events: Collection<Document> = self.events.clone_with_type();
            let find = events.find(doc! { "_id": { "$in": &ids } });
            let stored = collect(find.projection(doc! { "_id": 1 })).await?;
            let stored: HashSet<_> = stored.iter().flat_map(|d| d.get_str("_id")).collect();
            for (delivery, id) in passed.into_iter().zip(ids) {
                // One that MongoDB has removed may have been counted.
                let may_have_been_removed = self.keep.is_some_and(|keep| {
                    u128::from(now.saturating_sub(delivery.event.timestamp.as_u64()))
                        >= keep.as_millis()
                });
                let user = users.get_mut(&*delivery.event.user_id);
                if let Some(user) = user
                    && !stored.contains(&*id)
                    && !may_have_been_removed
                {
                    user.note_missed(id);
                }
            }
            if self.update(&users).await? {
                return Ok(None);
            }
        }
        Err(StoreError::Contended)
    }

    /// Counts events in the documents of their users: `known`, if nobody has changed them.
    pub(super) async fn count<'a>(
        &self,
        rows: &[(&'a Delivery, bool)],
        mut known: Option<Users<'a>>,
    ) -> Result<(), StoreError> {
        let deliveries: Vec<_> = rows.iter().map(|(delivery, _)| *delivery).collect();
        for _ in 0..ATTEMPTS {
            let mut users = match known.take() {
                Some(users) => users,
                None => self.users(&deliveries).await?,
            };
            for (delivery, is_first) in rows {
                let Delivery {
                    event, position, ..
                } = delivery;
                if let Some(user) = users.get_mut(&*event.user_id) {
                    let place = (position.into(), position.offset);
                    user.add(event, place, *is_first);
                }
            }
            if self.update(&users).await? {
                return Ok(());
            }
        }
        Err(StoreError::Contended)
    }

    /// The users of events, as they are stored.
    async fn users<'a>(&self, deliveries: &[&'a Delivery]) -> Result<Users<'a>, StoreError> {
        let ids: HashSet<&str> = deliveries.iter().map(|d| &*d.event.user_id).collect();
        let listed: Vec<&str> = ids.iter().copied().collect();
        let find = self.users.find(doc! { "_id": { "$in": listed } });
        let stored = collect(find).await?;
        let mut stored: HashMap<String, Stored> = stored
            .into_iter()
            .map(|user| (user.id.clone(), user))
            .collect();
        let users = ids.into_iter();
        Ok(users
            .map(|id| (id, User::new(id, stored.remove(id))))
            .collect())
    }

    /// Whether all of it could be written; if not, somebody else has written some of the users.
    async fn update(&self, users: &Users<'_>) -> Result<bool, StoreError> {
        let updates: Vec<_> = users.values().filter_map(User::update).collect();
        if updates.is_empty() {
            return Ok(true);
        }
        let expected = updates.len();
        let is_new = |user: &&User<'_>| user.is_new() && user.update().is_some();
        let new = users.values().filter(is_new).count();
        let concern = self.database.write_concern().map(serialize_to_bson);
        let mut command = doc! { "update": "users", "ordered": false, "updates": updates };
        if let Some(Ok(concern)) = concern {
            command.insert("writeConcern", concern);
        }
        let answer = within(self.database.run_command(command)).await?;
        for error in answer.get_array("writeErrors").into_iter().flatten() {
            let code = error.as_document().and_then(|error| number(error, "code"));
            if code != Some(i64::from(DUPLICATE)) {
                return Err(StoreError::Refused(format!(
                    "code {}",
                    code.unwrap_or_default()
                )));
            }
        }
        if let Ok(concern) = answer.get_document("writeConcernError") {
            let code = number(concern, "code").unwrap_or_default();
            return Err(StoreError::Refused(format!("write concern, code {code}")));
        }
        let upserted = answer.get_array("upserted").map_or(0, Vec::len);
        let matched = number(&answer, "n").and_then(|n| usize::try_from(n).ok());
        Ok(matched == Some(expected) && upserted == new)
    }
}

/// What tells a copy of an event from another.
pub(super) fn position(id: &str, record: &Document) -> String {
    format!("{id} {record}")
}

fn now() -> u64 {
    UnixMillis::from(SystemTime::now()).as_u64()
}
