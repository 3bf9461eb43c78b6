//! All rules of all lists, matched against a text at once.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use regex_automata::meta::Cache;

use super::RegexesError;
use super::expression::{Expression, Slot};
use super::prefilter::{Prefilter, Seen};
use super::reading::List;
use super::rule::{FIELDS, Field, Form, Rule};

/// The most expressions that are tried on one text for its literals, so that nobody can write one that takes long.
/// Of 56,000 User-Agents of all kinds none needs more than 40.
const MOST_TRIES: usize = 48;

#[derive(Debug)]
pub(crate) struct RuleSet {
    prefilter: Prefilter,
    rules: Vec<Compiled>,
    lists: Vec<(List, Range<u32>)>,
    idle: Mutex<Vec<Scratch>>,
    /// The most that are kept: with more texts than processors, some wait anyway.
    most_idle: usize,
}

#[derive(Debug)]
struct Compiled {
    expression: Expression,
    fields: [Field; FIELDS],
    slots: usize,
}

/// The memory that a search needs.
#[derive(Debug)]
struct Scratch {
    seen: Seen,
    candidates: Vec<u32>,
    /// By rule.
    caches: Vec<Option<Box<Cache>>>,
    slots: Vec<Slot>,
}

/// A rule's match.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// Its place within its list.
    pub(crate) rule: usize,
    pub(crate) fields: [Option<Cow<'a, str>>; FIELDS],
}

impl RuleSet {
    /// Of lists of rules.
    pub(crate) fn new<'r>(
        lists: impl IntoIterator<Item = (List, Vec<Rule<'r>>)>,
    ) -> Result<Self, RegexesError> {
        let mut rules = Vec::new();
        let mut required = Vec::new();
        let mut ranges = Vec::new();
        for (list, drafts) in lists {
            let start = rules.len();
            for rule in drafts {
                let (expression, clauses) = match rule.form {
                    Form::Regex => Expression::regex(&rule.pattern, false),
                    Form::RegexIgnoringCase => Expression::regex(&rule.pattern, true),
                    Form::Word => Expression::word(&rule.pattern),
                }
                .map_err(|problem| RegexesError::rule(&rule.pattern, problem))?;
                let compiled = Compiled::new(expression, rule.fields)
                    .map_err(|problem| RegexesError::rule(&rule.pattern, problem))?;
                required.push(clauses);
                rules.push(compiled);
            }
            ranges.push((list, number(start)?..number(rules.len())?));
        }
        let prefilter = Prefilter::new(&required).map_err(|error| RegexesError::Size {
            problem: error.to_string(),
        })?;
        Ok(Self {
            prefilter,
            rules,
            lists: ranges,
            idle: Mutex::default(),
            most_idle: std::thread::available_parallelism().map_or(4, NonZeroUsize::get),
        })
    }

    /// Searches a text, once for all lists.
    pub(crate) fn scan<'a>(&'a self, text: &'a str) -> Scan<'a> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = idle.pop();
        drop(idle);
        let mut scratch = scratch.unwrap_or_else(|| self.scratch());
        let Scratch {
            seen, candidates, ..
        } = &mut scratch;
        self.prefilter.candidates(text, seen, candidates);
        Scan {
            set: self,
            text,
            scratch: Some(scratch),
            tries: MOST_TRIES + self.prefilter.always(),
        }
    }

    fn scratch(&self) -> Scratch {
        Scratch {
            seen: self.prefilter.seen(),
            candidates: Vec::new(),
            caches: self.rules.iter().map(|_| None).collect(),
            slots: Vec::new(),
        }
    }
}

fn number(rules: usize) -> Result<u32, RegexesError> {
    u32::try_from(rules).map_err(|error| RegexesError::Size {
        problem: error.to_string(),
    })
}

impl Compiled {
    fn new(
        expression: Expression,
        fields: [super::rule::Draft<'_>; FIELDS],
    ) -> Result<Self, String> {
        let groups = expression.groups();
        let mut compiled = [const { Field::Absent }; FIELDS];
        for (field, draft) in compiled.iter_mut().zip(fields) {
            *field = draft.compile(groups)?;
        }
        let highest = compiled.iter().map(Field::highest_group).max().unwrap_or(0);
        Ok(Self {
            expression,
            fields: compiled,
            // If no group is read, it is enough to know that there is a match.
            slots: if highest == 0 { 0 } else { 2 * highest + 2 },
        })
    }
}

/// The rules that may match a text.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    set: &'a RuleSet,
    text: &'a str,
    /// There until the end.
    scratch: Option<Scratch>,
    tries: usize,
}

impl<'a> Scan<'a> {
    /// The first rule of a list that matches.
    pub(super) fn first(&mut self, list: List) -> Option<Found<'a>> {
        let Scratch {
            candidates,
            caches,
            slots,
            ..
        } = self.scratch.as_mut()?;
        let mut lists = self.set.lists.iter();
        let (_, range) = lists.find(|(known, _)| *known == list)?;
        let start = candidates.partition_point(|rule| *rule < range.start);
        let of_list = candidates[start..]
            .iter()
            .take_while(|rule| **rule < range.end);
        for &rule in of_list {
            self.tries = self.tries.checked_sub(1)?;
            let index = rule as usize;
            let compiled = &self.set.rules[index];
            slots.clear();
            slots.resize(compiled.slots, None);
            if compiled
                .expression
                .search(self.text, &mut caches[index], slots)
            {
                return Some(Found {
                    rule: (rule - range.start) as usize,
                    fields: fields(self.text, &compiled.fields, slots),
                });
            }
        }
        None
    }
}

impl Drop for Scan<'_> {
    fn drop(&mut self) {
        let mut idle = self.set.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.set.most_idle {
            idle.extend(self.scratch.take());
        }
    }
}

fn fields<'a>(
    text: &'a str,
    fields: &'a [Field; FIELDS],
    slots: &[Slot],
) -> [Option<Cow<'a, str>>; FIELDS] {
    let group = |number: usize| {
        let start = (*slots.get(2 * number)?)?.get();
        let end = (*slots.get(2 * number + 1)?)?.get();
        // Bounded repetitions of any byte may end within a character.
        text.get(text.ceil_char_boundary(start)..text.floor_char_boundary(end))
    };
    std::array::from_fn(|index| fields[index].resolve(group))
}

#[cfg(test)]
impl RuleSet {
    /// A rule that matches the text although the prefilter left it out.
    pub(super) fn missed(&self, scan: &Scan<'_>) -> Option<usize> {
        let candidates = &scan.scratch.as_ref().unwrap().candidates;
        (0..self.rules.len()).find(|&rule| {
            let expression = &self.rules[rule].expression;
            let is_candidate = candidates.contains(&u32::try_from(rule).unwrap());
            !is_candidate && expression.search(scan.text, &mut None, &mut [])
        })
    }

    pub(super) fn idle_scratches(&self) -> usize {
        self.idle.lock().unwrap().len()
    }
}
