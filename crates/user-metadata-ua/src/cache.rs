//! A cache of answers.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quick_cache::sync::{Cache as Entries, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};

use crate::{Brand, Client, ClientHints};

/// The bounds of a parser's cache. The default holds 10,000 answers and 8 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheOptions {
    /// The most answers that are kept.
    pub entries: usize,
    /// The most bytes that the answers and their strings may take.
    pub bytes: usize,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            entries: 10_000,
            bytes: 8 * 1024 * 1024,
        }
    }
}

/// What a parser's cache has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CacheStats {
    /// Answers that were in the cache.
    pub hits: u64,
    /// Answers that were not.
    pub misses: u64,
    /// Answers that are in it now.
    pub entries: usize,
    /// Their size as it counts towards [`CacheOptions::bytes`].
    pub bytes: u64,
}

/// Answers by question, evicted by S3-FIFO: strings that come only once, as in an attack, don't
/// evict those that come often.
pub(crate) struct Cache {
    // A keyed hash, so that nobody can choose strings that collide.
    entries: Entries<Question, Arc<Client>, Size, ahash::RandomState>,
}

/// The question.
struct Question {
    user_agent: Box<str>,
    /// `None` without any hint.
    hints: Option<Box<ClientHints>>,
}

/// The question, borrowed.
#[derive(PartialEq)]
struct Asked<'a> {
    user_agent: &'a str,
    hints: Option<&'a ClientHints>,
}

impl Cache {
    pub(crate) fn new(options: CacheOptions) -> Self {
        let entries = options.entries.max(1);
        let bytes = u64::try_from(options.bytes).unwrap_or(u64::MAX);
        let size = Size {
            least: bytes.div_ceil(entries as u64).max(1),
        };
        let hasher = ahash::RandomState::new();
        let lifecycle = DefaultLifecycle::default();
        Self {
            entries: Entries::with(entries, bytes, size, hasher, lifecycle),
        }
    }

    /// The cached answer, or that of `answer`, which is then cached.
    pub(crate) fn get_or_insert(
        &self,
        user_agent: &str,
        hints: &ClientHints,
        answer: impl FnOnce() -> Client,
    ) -> Client {
        let hints = Some(hints).filter(|hints| !hints.is_empty());
        if let Some(client) = self.entries.get(&Asked { user_agent, hints }) {
            return Client::clone(&client);
        }
        let client = answer();
        let question = Question {
            user_agent: user_agent.into(),
            hints: hints.cloned().map(Box::new),
        };
        self.entries.insert(question, Arc::new(client.clone()));
        client
    }

    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.entries.hits(),
            misses: self.entries.misses(),
            entries: self.entries.len(),
            bytes: self.entries.weight(),
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cache").field(&self.stats()).finish()
    }
}

impl Question {
    fn asked(&self) -> Asked<'_> {
        Asked {
            user_agent: &self.user_agent,
            hints: self.hints.as_deref(),
        }
    }
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        self.asked() == other.asked()
    }
}

impl Eq for Question {}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.asked().hash(state);
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.user_agent.hash(state);
        if let Some(hints) = self.hints {
            hints.hash(state);
        }
    }
}

impl Equivalent<Question> for Asked<'_> {
    fn equivalent(&self, question: &Question) -> bool {
        *self == question.asked()
    }
}

/// The size of an entry. Each counts for at least its share of the bytes, so that their number is
/// bounded, too.
#[derive(Clone)]
struct Size {
    least: u64,
}

impl Weighter<Question, Arc<Client>> for Size {
    fn weight(&self, question: &Question, client: &Arc<Client>) -> u64 {
        let fixed = size_of::<Question>() + size_of::<Client>() + 4 * ALLOCATION;
        let hints = question.hints.as_deref().map_or(0, hints_size);
        let size = fixed + question.user_agent.len() + hints + client_size(client);
        u64::try_from(size).unwrap_or(u64::MAX).max(self.least)
    }
}

/// The approximate overhead of an allocation.
const ALLOCATION: usize = 16;

fn hints_size(hints: &ClientHints) -> usize {
    let brand = |brand: &Brand| size_of::<Brand>() + brand.brand.len() + brand.version.len();
    let brands = hints.brands.iter().chain(&hints.full_version_list);
    let texts = [
        &hints.platform,
        &hints.platform_version,
        &hints.architecture,
        &hints.bitness,
        &hints.model,
        &hints.requested_with,
    ];
    let texts = texts.into_iter().flatten().chain(&hints.form_factors);
    size_of::<ClientHints>()
        + brands.map(brand).sum::<usize>()
        + texts
            .map(|text| size_of::<String>() + text.len())
            .sum::<usize>()
}

fn client_size(client: &Client) -> usize {
    let browser = client.browser.as_ref();
    let os = client.os.as_ref();
    let texts = [
        browser.map(|browser| &browser.name),
        browser.and_then(|browser| browser.version.as_ref()),
        os.map(|os| &os.name),
        os.and_then(|os| os.version.as_ref()),
        client.device.vendor.as_ref(),
        client.device.model.as_ref(),
        client.bot.as_ref(),
    ];
    let texts = texts.into_iter().flatten();
    texts.map(|text| ALLOCATION + text.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(cache: &Cache, user_agent: &str, hints: &ClientHints) {
        let client = cache.get_or_insert(user_agent, hints, || Client {
            bot: Some(user_agent.to_owned()),
            ..Client::default()
        });
        assert_eq!(client.bot.as_deref(), Some(user_agent));
    }

    fn numbered(cache: &Cache, numbers: std::ops::Range<usize>) {
        for number in numbers {
            ask(cache, &format!("Agent/{number}"), &ClientHints::default());
        }
    }

    #[test]
    fn what_was_asked_before_is_a_hit() {
        let cache = Cache::new(CacheOptions::default());
        let mut hints = ClientHints::default();
        ask(&cache, "a", &hints);
        ask(&cache, "a", &hints);
        hints.model = Some("Pixel".to_owned());
        ask(&cache, "a", &hints);
        ask(&cache, "a", &hints);
        ask(&cache, "b", &hints);
        let CacheStats {
            hits,
            misses,
            entries,
            ..
        } = cache.stats();
        assert_eq!((hits, misses, entries), (2, 3, 3));
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let options = CacheOptions {
            entries: 100,
            bytes: 1 << 20,
        };
        let cache = Cache::new(options);
        numbered(&cache, 0..1_000);
        let stats = cache.stats();
        assert!((50..=100).contains(&stats.entries), "{stats:?}");
        assert!(stats.bytes <= 1 << 20, "{stats:?}");
    }

    #[test]
    fn the_bytes_are_bounded_and_what_is_larger_than_all_is_not_cached() {
        let options = CacheOptions {
            entries: 1_000,
            bytes: 64 * 1024,
        };
        let cache = Cache::new(options);
        numbered(&cache, 0..1_000);
        let hints = ClientHints {
            model: Some("x".repeat(1 << 20)),
            ..ClientHints::default()
        };
        ask(&cache, "Agent/large", &hints);
        let stats = cache.stats();
        assert!(stats.bytes <= 64 * 1024 && stats.entries < 300, "{stats:?}");
    }

    #[test]
    fn strings_that_come_once_do_not_evict_those_that_come_often() {
        let options = CacheOptions {
            entries: 100,
            bytes: 1 << 20,
        };
        let cache = Cache::new(options);
        for _ in 0..5 {
            numbered(&cache, 0..20);
        }
        numbered(&cache, 1_000..3_000);
        let before = cache.stats().hits;
        numbered(&cache, 0..20);
        assert!(cache.stats().hits - before >= 15);
    }
}
