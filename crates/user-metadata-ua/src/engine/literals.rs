//! What a text must contain for a regular expression to match it.

use std::collections::BTreeSet;

use regex_syntax::hir::{Class, Hir, HirKind};

/// Literals, in lower case, of which a text must contain at least one.
pub(super) type Clause = BTreeSet<Vec<u8>>;

/// Shorter ones are in nearly every text.
const SHORTEST: usize = 2;
/// The most combinations of consecutive literals that are built.
const MOST_COMBINATIONS: usize = 16;
/// A class of more characters than this counts as any character.
const MOST_OF_A_CLASS: usize = 10;

/// The clauses that must all hold; none if the expression has nothing to search for.
///
/// The idea is that of RE2's `FilteredRE2`: literals are carried upwards through the expression as
/// long as they are exact, and become conditions where they are not.
pub(super) fn required(hir: &Hir) -> Vec<Clause> {
    match facts(hir) {
        Facts::Exact(literals) => Vec::from_iter(clause(&literals)),
        Facts::Needs(clauses) => clauses,
    }
}

/// What is known of the texts that a part of an expression matches.
enum Facts {
    /// The texts are exactly these.
    Exact(BTreeSet<Vec<u8>>),
    /// The texts contain one literal of each clause.
    Needs(Vec<Clause>),
}

fn facts(hir: &Hir) -> Facts {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Facts::Exact(BTreeSet::from([Vec::new()])),
        HirKind::Literal(literal) => Facts::Exact(BTreeSet::from([literal.0.to_ascii_lowercase()])),
        HirKind::Class(class) => of_class(class).map_or(Facts::Needs(Vec::new()), Facts::Exact),
        HirKind::Capture(capture) => facts(&capture.sub),
        HirKind::Repetition(repetition) => match (repetition.min, repetition.max) {
            (0, Some(1)) => match facts(&repetition.sub) {
                Facts::Exact(mut literals) => {
                    literals.insert(Vec::new());
                    Facts::Exact(literals)
                }
                Facts::Needs(_) => Facts::Needs(Vec::new()),
            },
            (0, _) => Facts::Needs(Vec::new()),
            (1, Some(1)) => facts(&repetition.sub),
            _ => Facts::Needs(required(&repetition.sub)),
        },
        HirKind::Concat(parts) => of_sequence(parts),
        HirKind::Alternation(branches) => of_alternatives(branches),
    }
}

fn of_class(class: &Class) -> Option<BTreeSet<Vec<u8>>> {
    match class {
        Class::Bytes(class) => {
            let members = || class.iter().flat_map(|range| range.start()..=range.end());
            (members().count() <= MOST_OF_A_CLASS).then(|| {
                members()
                    .map(|byte| vec![byte.to_ascii_lowercase()])
                    .collect()
            })
        }
        Class::Unicode(class) => {
            let members = || class.iter().flat_map(|range| range.start()..=range.end());
            let literal = |char: char| char.to_ascii_lowercase().to_string().into_bytes();
            (members().take(MOST_OF_A_CLASS + 1).count() <= MOST_OF_A_CLASS)
                .then(|| members().map(literal).collect())
        }
    }
}

fn of_sequence(parts: &[Hir]) -> Facts {
    let mut clauses = Vec::new();
    let mut run = BTreeSet::from([Vec::new()]);
    let mut is_exact = true;
    for part in parts {
        match facts(part) {
            Facts::Exact(literals) if run.len() * literals.len() <= MOST_COMBINATIONS => {
                run = combinations(&run, &literals);
            }
            Facts::Exact(literals) => {
                clauses.extend(clause(&std::mem::replace(&mut run, literals)));
                is_exact = false;
            }
            Facts::Needs(needs) => {
                let empty = BTreeSet::from([Vec::new()]);
                clauses.extend(clause(&std::mem::replace(&mut run, empty)));
                clauses.extend(needs);
                is_exact = false;
            }
        }
    }
    if is_exact {
        return Facts::Exact(run);
    }
    clauses.extend(clause(&run));
    Facts::Needs(clauses)
}

fn combinations(first: &BTreeSet<Vec<u8>>, then: &BTreeSet<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    let pairs = first
        .iter()
        .flat_map(|start| then.iter().map(move |end| [start.as_slice(), end].concat()));
    pairs.collect()
}

/// One of the branches holds, so one of the literals of a clause of each branch.
fn of_alternatives(branches: &[Hir]) -> Facts {
    let mut exact = BTreeSet::new();
    let mut needed = Clause::new();
    let mut is_exact = true;
    for branch in branches {
        match facts(branch) {
            Facts::Exact(literals) => exact.extend(literals),
            Facts::Needs(clauses) => {
                is_exact = false;
                let Some(best) = clauses.into_iter().max_by_key(telling) else {
                    return Facts::Needs(Vec::new());
                };
                needed.extend(best);
            }
        }
    }
    if is_exact {
        return Facts::Exact(exact);
    }
    needed.extend(exact);
    Facts::Needs(Vec::from_iter(clause(&needed)))
}

/// The more selective a clause, the fewer texts it holds for.
fn telling(clause: &Clause) -> (usize, std::cmp::Reverse<usize>) {
    let shortest = clause.iter().map(Vec::len).min().unwrap_or_default();
    (shortest, std::cmp::Reverse(clause.len()))
}

/// The literals as a clause, without those that contain another one; `None` if one of them is in
/// nearly every text.
fn clause(literals: &BTreeSet<Vec<u8>>) -> Option<Clause> {
    if literals.iter().any(|literal| literal.len() < SHORTEST) {
        return None;
    }
    let is_longer_form = |literal: &Vec<u8>| {
        literals.iter().any(|other| {
            other.len() < literal.len() && literal.windows(other.len()).any(|part| part == other)
        })
    };
    let clause: Clause = literals
        .iter()
        .filter(|literal| !is_longer_form(literal))
        .cloned()
        .collect();
    (!clause.is_empty()).then_some(clause)
}

#[cfg(test)]
mod tests {
    use regex_syntax::ParserBuilder;

    use super::*;

    /// `a|b & c`
    fn of(regex: &str) -> String {
        let hir = ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(regex)
            .unwrap();
        let text = |clause: Clause| {
            let literals = clause
                .iter()
                .map(|literal| String::from_utf8_lossy(literal));
            literals.collect::<Vec<_>>().join("|")
        };
        required(&hir)
            .into_iter()
            .map(text)
            .collect::<Vec<_>>()
            .join(" & ")
    }

    #[test]
    fn consecutive_text_is_one_literal_and_separate_texts_are_several() {
        assert_eq!(of("Chrome/"), "chrome/");
        assert_eq!(of(r"(Chrome|CriOS)/(\d+)\.(\d+)"), "chrome/|crios/");
        assert_eq!(of(r"Android.*(?:wv|; K)\)"), "android & ; k)|wv)");
        assert_eq!(of("(?i)smart-?tv"), "smart-tv|smarttv");
        assert_eq!(of(r"^Foo(?:Bar)+ \w+baz$"), "foo & bar & baz");
    }

    #[test]
    fn longer_forms_of_a_literal_are_left_out() {
        assert_eq!(of("Foo(?:/x|)"), "foo");
        assert_eq!(of("Opera Mini|Opera"), "opera");
    }

    #[test]
    fn what_may_be_absent_is_not_required() {
        for regex in [
            "", ".*", "(?:Foo)?", "(?:Foo)*", r"\d+", "a|Foo", r"Foo|\d+", "Foo|",
        ] {
            assert_eq!(of(regex), "", "{regex}");
        }
    }

    #[test]
    fn each_alternative_contributes_its_most_selective_clause() {
        assert_eq!(of("Aa.*Bbbb|Cc"), "bbbb|cc");
        let many = ('a'..='z')
            .map(|letter| format!("x{letter}"))
            .collect::<Vec<_>>();
        let many = many.join("|");
        assert_eq!(of(&format!("({many})y")), many);
        assert_eq!(of(&format!("({many})Long")), format!("{many} & long"));
    }
}
