//! What a rule searches for: a regular expression as uap-core means it, or a word.

use regex_automata::meta::{self, Cache, Regex};
use regex_automata::util::primitives::NonMaxUsize;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Capture, Class, ClassBytesRange, Hir, HirKind, Repetition};

use super::literals::{Clause, required};
use super::word::Word;

/// A group's start or end, as the engine reports it.
pub(super) type Slot = Option<NonMaxUsize>;

/// Repetition bounds from here on only protect backtracking engines. Without them the automata are
/// a fraction of the size.
const IDLE_BOUND: u32 = 30;
/// The same for repetitions of any character, as between two words that have to be near each other.
const IDLE_BOUND_OF_ANY: u32 = 50;

/// The size in bytes from which on an expression is searched with a lazy DFA. It makes large ones a
/// hundred times faster, and all of them together three times as large.
const LARGE: usize = 4096;

#[derive(Debug)]
pub(super) enum Expression {
    Regex(Regex),
    Word(Word),
}

impl Expression {
    /// A regular expression, and what a text must contain for it to match.
    pub(super) fn regex(pattern: &str, ignore_case: bool) -> Result<(Self, Vec<Clause>), String> {
        // User-Agents are ASCII: `\d` is 0 to 9.
        let hir = ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .case_insensitive(ignore_case)
            .build()
            .parse(pattern)
            .map_err(|error| error.to_string())?;
        let hir = without_idle_bounds(hir);
        let regex = regex(&hir).map_err(|error| error.to_string())?;
        Ok((Self::Regex(regex), required(&hir)))
    }

    /// A word in any case.
    pub(super) fn word(word: &str) -> Result<(Self, Vec<Clause>), String> {
        if word.len() < 2 {
            return Err("a word has two letters at least".to_owned());
        }
        let word = word.to_ascii_lowercase();
        let clause = Clause::from([word.clone().into_bytes()]);
        Ok((Self::Word(Word(word.into())), vec![clause]))
    }

    /// The number of groups, without that of the whole match.
    pub(super) fn groups(&self) -> usize {
        match self {
            Self::Regex(regex) => regex.captures_len() - 1,
            Self::Word(_) => 1,
        }
    }

    /// Whether it matches; fills in as many slots as there are.
    pub(super) fn search(
        &self,
        text: &str,
        cache: &mut Option<Box<Cache>>,
        slots: &mut [Slot],
    ) -> bool {
        match self {
            Self::Regex(regex) => {
                let cache = cache.get_or_insert_with(|| Box::new(regex.create_cache()));
                let input = regex_automata::Input::new(text).earliest(slots.is_empty());
                regex.search_slots_with(cache, &input, slots).is_some()
            }
            Self::Word(word) => word.search(text, slots),
        }
    }
}

fn regex(hir: &Hir) -> Result<Regex, Box<meta::BuildError>> {
    let build = |is_large: bool| -> Result<Regex, Box<meta::BuildError>> {
        let config = meta::Config::new()
            .utf8_empty(false)
            .dfa(false)
            .onepass(false)
            .hybrid(is_large);
        Ok(meta::Builder::new().configure(config).build_from_hir(hir)?)
    };
    if skips_anything(hir) {
        return build(true);
    }
    let regex = build(false)?;
    if regex.memory_usage() < LARGE {
        return Ok(regex);
    }
    build(true)
}

/// Removes repetition bounds that have no effect here.
fn without_idle_bounds(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Repetition(repetition) => {
            let idle = if is_any(&repetition.sub) {
                IDLE_BOUND_OF_ANY
            } else {
                IDLE_BOUND
            };
            let is_idle = repetition.max.is_some_and(|max| max >= idle) && repetition.min <= 1;
            Hir::repetition(Repetition {
                max: repetition.max.filter(|_| !is_idle),
                sub: Box::new(without_idle_bounds(*repetition.sub)),
                ..repetition
            })
        }
        HirKind::Capture(capture) => Hir::capture(Capture {
            sub: Box::new(without_idle_bounds(*capture.sub)),
            ..capture
        }),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(without_idle_bounds).collect()),
        HirKind::Alternation(branches) => {
            Hir::alternation(branches.into_iter().map(without_idle_bounds).collect())
        }
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
    }
}

/// Whether it has a `.*`, which makes engines other than a DFA start again at many places of a
/// text.
fn skips_anything(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            repetition.max.is_none() && is_any(&repetition.sub) || skips_anything(&repetition.sub)
        }
        HirKind::Capture(capture) => skips_anything(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(skips_anything),
        _ => false,
    }
}

/// Whether it is a dot.
fn is_any(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => {
            class.iter().map(ClassBytesRange::len).sum::<usize>() >= 255
        }
        _ => false,
    }
}
