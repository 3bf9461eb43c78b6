//! The totals of a batch, per user or session.

use std::collections::BTreeMap;

/// The rows of one user or session.
pub(crate) struct Total<'a, R> {
    pub(crate) oldest: &'a R,
    pub(crate) newest: &'a R,
    pub(crate) events: i64,
}

/// The totals of rows in the order of `key`, so that every writer locks the same keys in the same
/// order: otherwise they would deadlock again and again.
pub(crate) fn totals<'a, R, K: Ord, T: Ord>(
    rows: &[&'a R],
    key: impl Fn(&'a R) -> K,
    time: impl Fn(&R) -> T,
) -> Vec<Total<'a, R>> {
    let mut totals: BTreeMap<K, Total<'a, R>> = BTreeMap::new();
    for &row in rows {
        let total = totals.entry(key(row)).or_insert(Total {
            oldest: row,
            newest: row,
            events: 0,
        });
        total.events += 1;
        if time(row) >= time(total.newest) {
            total.newest = row;
        }
        if time(row) < time(total.oldest) {
            total.oldest = row;
        }
    }
    totals.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_oldest_and_newest_row_and_the_keys_are_in_order() {
        let rows = [("b", 2), ("a", 5), ("b", 3), ("a", 4), ("b", 1)];
        let rows: Vec<_> = rows.iter().collect();
        let totals = totals(&rows, |row| row.0, |row| row.1);
        let seen: Vec<_> = totals
            .iter()
            .map(|total| (total.newest.0, total.oldest.1, total.newest.1, total.events))
            .collect();
        assert_eq!(seen, [("a", 4, 5, 2), ("b", 1, 3, 3)]);
    }
}
