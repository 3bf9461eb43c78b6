//! What this crate knows by name: tables with a row a line, key and meaning (see
//! `data/tables/ORIGIN.md`).

use std::borrow::Cow;

/// Words that bots call themselves, and their names.
pub(crate) const BOTS: &str = include_str!("../data/tables/bots.tsv");
/// Words that browsers and apps add to the User-Agent of their engine, and their names.
pub(crate) const BROWSERS: &str = include_str!("../data/tables/browsers.tsv");
/// Models of Android devices, and their classes.
pub(crate) const MODELS: &str = include_str!("../data/tables/models.tsv");
/// Packages of Android apps, and their names.
pub(crate) const APPS: &str = include_str!("../data/tables/apps.tsv");

/// Key and meaning of each row.
pub(crate) fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    table.lines().filter_map(|line| line.split_once('\t'))
}

/// Meanings by key.
#[derive(Debug)]
pub(crate) struct Table<T> {
    /// Sorted by key.
    rows: Vec<(Cow<'static, str>, T)>,
}

impl<T> Table<T> {
    /// Of rows that are sorted by key.
    pub(crate) fn sorted(rows: impl Iterator<Item = (&'static str, T)>) -> Self {
        Self {
            rows: rows
                .map(|(key, meaning)| (Cow::Borrowed(key), meaning))
                .collect(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&T> {
        let place = self.place(key).ok()?;
        Some(&self.rows[place].1)
    }

    /// Sets the meaning of a key.
    pub(crate) fn set(&mut self, key: String, meaning: T) {
        match self.place(&key) {
            Ok(place) => self.rows[place].1 = meaning,
            Err(place) => self.rows.insert(place, (Cow::Owned(key), meaning)),
        }
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.rows.binary_search_by(|(known, _)| (**known).cmp(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceType;

    #[test]
    fn the_tables_are_sorted_and_have_each_key_once() {
        for table in [BOTS, BROWSERS, MODELS, APPS] {
            assert_eq!(rows(table).count(), table.lines().count());
            let keys: Vec<_> = rows(table).map(|(key, _)| key).collect();
            for pair in keys.windows(2) {
                assert!(pair[0] < pair[1], "{pair:?}");
            }
            for (key, meaning) in rows(table) {
                assert!(key.len() >= 2 && key.is_ascii(), "{key}");
                assert!(!meaning.is_empty() && meaning.trim() == meaning, "{key}");
            }
        }
        for (key, _) in [BOTS, BROWSERS, MODELS].into_iter().flat_map(rows) {
            assert_eq!(key, key.to_ascii_lowercase());
        }
    }

    #[test]
    fn models_have_classes() {
        for (model, class) in rows(MODELS) {
            assert!(DeviceType::named(class).is_some(), "{model}: {class}");
        }
    }

    #[test]
    fn a_row_can_be_replaced_and_added() {
        let mut table = Table::sorted([("a", 1), ("c", 3)].into_iter());
        table.set("b".to_owned(), 2);
        table.set("c".to_owned(), 4);
        let found = ["a", "b", "c", "d"].map(|key| table.get(key).copied());
        assert_eq!(found, [Some(1), Some(2), Some(4), None]);
    }
}
