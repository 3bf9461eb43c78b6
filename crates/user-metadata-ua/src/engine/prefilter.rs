//! Finds which of many regular expressions can match a text at all.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::{AhoCorasick, BuildError};

use super::literals::Clause;

/// More conditions than this filter little more.
const MOST_CLAUSES: usize = 3;

/// Searches a text once for the literals of all expressions.
#[derive(Debug)]
pub(super) struct Prefilter {
    literals: AhoCorasick,
    /// By literal.
    clauses: Vec<Box<[u32]>>,
    /// By clause: the expressions that require it.
    expressions: Vec<Box<[u32]>>,
    /// By expression.
    clauses_needed: Vec<u8>,
    /// The expressions that require nothing.
    always: Vec<u32>,
}

/// What was found in one text. Allocated once and used for one text after the other.
#[derive(Debug)]
pub(super) struct Seen {
    /// Distinguishes the marks of this text from those of earlier texts.
    text: u32,
    clauses: Vec<u32>,
    /// By expression: the text, and how many of its clauses hold.
    held: Vec<(u32, u8)>,
}

impl Prefilter {
    /// For expressions with these requirements, in order.
    pub(super) fn new(required: &[Vec<Clause>]) -> Result<Self, BuildError> {
        let mut uses: HashMap<&Clause, usize> = HashMap::new();
        for clause in required.iter().flatten() {
            *uses.entry(clause).or_default() += 1;
        }
        let mut ids: BTreeMap<&Clause, Vec<u32>> = BTreeMap::new();
        let mut clauses_needed = Vec::with_capacity(required.len());
        let mut always = Vec::new();
        for (expression, clauses) in (0..).zip(required) {
            let mut clauses: Vec<&Clause> = clauses.iter().collect();
            // The rarer a clause is among the expressions, the better it separates them.
            clauses.sort_by_key(|clause| (uses[clause], *clause));
            clauses.dedup();
            clauses.truncate(MOST_CLAUSES);
            clauses_needed.push(u8::try_from(clauses.len()).unwrap_or(u8::MAX));
            if clauses.is_empty() {
                always.push(expression);
            }
            for clause in clauses {
                ids.entry(clause).or_default().push(expression);
            }
        }
        let mut by_literal: BTreeMap<&[u8], Vec<u32>> = BTreeMap::new();
        for (id, clause) in (0..).zip(ids.keys()) {
            for literal in clause.iter() {
                by_literal.entry(literal).or_default().push(id);
            }
        }
        Ok(Self {
            literals: AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .build(by_literal.keys())?,
            clauses: by_literal
                .into_values()
                .map(Vec::into_boxed_slice)
                .collect(),
            expressions: ids.into_values().map(Vec::into_boxed_slice).collect(),
            clauses_needed,
            always,
        })
    }

    /// How many expressions are tried on every text.
    pub(super) fn always(&self) -> usize {
        self.always.len()
    }

    pub(super) fn seen(&self) -> Seen {
        Seen {
            text: 0,
            clauses: vec![0; self.expressions.len()],
            held: vec![(0, 0); self.clauses_needed.len()],
        }
    }

    /// Puts the expressions that may match into `candidates`, in order.
    pub(super) fn candidates(&self, text: &str, seen: &mut Seen, candidates: &mut Vec<u32>) {
        candidates.clear();
        candidates.extend(&self.always);
        seen.next();
        for found in self.literals.find_overlapping_iter(text) {
            for &clause in &self.clauses[found.pattern()] {
                let clause = clause as usize;
                if seen.clauses[clause] == seen.text {
                    continue;
                }
                seen.clauses[clause] = seen.text;
                for &expression in &self.expressions[clause] {
                    let (text, held) = &mut seen.held[expression as usize];
                    if *text != seen.text {
                        (*text, *held) = (seen.text, 0);
                    }
                    *held += 1;
                    if *held == self.clauses_needed[expression as usize] {
                        candidates.push(expression);
                    }
                }
            }
        }
        candidates.sort_unstable();
    }
}

impl Seen {
    fn next(&mut self) {
        self.text = self.text.wrapping_add(1);
        if self.text == 0 {
            self.clauses.fill(0);
            self.held.fill((0, 0));
            self.text = 1;
        }
    }
}
