use std::sync::Arc;

use crate::agent::{describe, name_program};
use crate::cache::Cache;
use crate::engine::Engine;
use crate::merge::merge;
use crate::text::cap;
use crate::{CacheOptions, CacheStats, Client, ClientHints, HintsUse, RegexesError};

/// How much of a User-Agent is parsed, in Unicode scalar values. No browser's is longer; what
/// follows is ignored, so that nobody can make a parse expensive.
pub const PARSED_USER_AGENT: usize = 512;

/// Tells browser, operating system and device from a User-Agent and client hints.
///
/// Making one compiles some 1,400 regular expressions; make one per program. Clones are cheap and
/// share them, and the cache.
#[derive(Debug, Clone)]
pub struct Parser {
    engine: Arc<Engine>,
    cache: Option<Arc<Cache>>,
}

impl Parser {
    /// A parser with the data of this crate.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::new(Engine::embedded()),
            cache: None,
        }
    }

    /// A parser with newer data than that of this crate: uap-core's [`regexes.yaml`], converted to
    /// JSON (`yq -o json regexes.yaml`). This crate's own rules still come first.
    ///
    /// Beside uap-core's lists there may be objects whose rows are added to this crate's tables, or
    /// replace rows of them: `bots` and `browsers` (names by the word in the User-Agent, with `/`
    /// at its end if a version must follow), `models` (classes as
    /// [`DeviceType::as_str`](crate::DeviceType::as_str) writes them, by an Android device's model)
    /// and `apps` (names by Android package).
    ///
    /// [`regexes.yaml`]: https://github.com/ua-parser/uap-core/blob/master/regexes.yaml
    ///
    /// # Errors
    ///
    /// [`RegexesError`] names the place that does not have that form, or the rule that can't be
    /// used.
    ///
    /// ```
    /// use user_metadata_ua::{ClientHints, Parser};
    /// let regexes = br#"{
    ///     "user_agent_parsers": [{"regex": "(Kiosk)/(\\d+)\\.(\\d+)"}],
    ///     "os_parsers": [],
    ///     "device_parsers": [],
    ///     "bots": {"shelfscan": "Shelf Scan"}
    /// }"#;
    /// let parser = Parser::from_regexes(regexes)?;
    /// let client = parser.parse("Kiosk/3.1", &ClientHints::default());
    /// assert_eq!(client.browser_label().as_deref(), Some("Kiosk 3.1"));
    /// let client = parser.parse("ShelfScan/2.0", &ClientHints::default());
    /// assert_eq!(client.bot.as_deref(), Some("Shelf Scan"));
    /// # Ok::<(), user_metadata_ua::RegexesError>(())
    /// ```
    pub fn from_regexes(regexes: &[u8]) -> Result<Self, RegexesError> {
        Ok(Self {
            engine: Arc::new(Engine::new(regexes)?),
            cache: None,
        })
    }

    /// The same parser with an empty, bounded cache of its answers in front.
    ///
    /// User-Agents repeat: a server that sees a thousand different strings a day answers nearly all
    /// from the cache, some thirty times as fast.
    ///
    /// ```
    /// use user_metadata_ua::{CacheOptions, ClientHints, Parser};
    /// let parser = Parser::new().cached(CacheOptions::default());
    /// for _ in 0..3 {
    ///     parser.parse("curl/8.14.1", &ClientHints::default());
    /// }
    /// let stats = parser.cache_stats();
    /// assert_eq!((stats.hits, stats.misses, stats.entries), (2, 1, 1));
    /// ```
    #[must_use]
    pub fn cached(self, options: CacheOptions) -> Self {
        Self {
            cache: Some(Arc::new(Cache::new(options))),
            ..self
        }
    }

    /// The counts of the cache so far; all zero without one. The hit rate is `hits / (hits +
    /// misses)`.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.cache
            .as_deref()
            .map_or_else(CacheStats::default, Cache::stats)
    }

    /// Parses a User-Agent with its hints. Takes any text; what is not known is `None`.
    ///
    /// Hints win if the User-Agent is less exact, as most are. Hints that contradict it are
    /// ignored, which [`Client::hints`] reports.
    #[must_use]
    pub fn parse(&self, user_agent: &str, hints: &ClientHints) -> Client {
        let user_agent = cap(user_agent, PARSED_USER_AGENT);
        let user_agent = user_agent.trim();
        match &self.cache {
            None => self.answer(user_agent, hints),
            Some(cache) => {
                cache.get_or_insert(user_agent, hints, || self.answer(user_agent, hints))
            }
        }
    }

    fn answer(&self, user_agent: &str, hints: &ClientHints) -> Client {
        let mut client = self.describe(user_agent, hints);
        name_program(&mut client, user_agent);
        client
    }

    fn describe(&self, user_agent: &str, hints: &ClientHints) -> Client {
        let plain = describe(&self.engine, user_agent);
        if hints.is_empty() {
            return plain;
        }
        let Some(mut merged) = merge(&self.engine, plain.clone(), user_agent, hints) else {
            return Client {
                hints: HintsUse::Contradicted,
                ..plain
            };
        };
        if merged != plain {
            merged.hints = HintsUse::Used;
        }
        merged
    }
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}
