/// Ids from behind the first up to the second.
pub(crate) type Ids = (i64, i64);

pub(crate) const ALL: Ids = (i64::MIN, i64::MAX);

/// The ids of which it is not known whether they have batches.
#[derive(Default)]
pub(crate) struct Holes {
    holes: Vec<Ids>,
    /// The smallest and the largest id that the tree names.
    known: Option<(i64, i64)>,
}

impl Holes {
    pub(crate) fn push(&mut self, ids: Ids) {
        self.holes.push(ids);
    }

    /// Notes ids that the tree names.
    pub(crate) fn know(&mut self, (after, last): Ids) {
        for id in [after, last] {
            if id != i64::MIN && id != i64::MAX {
                let (first, last) = self.known.unwrap_or((id, id));
                self.known = Some((first.min(id), last.max(id)));
            }
        }
    }

    /// Puts them in order, which has to be done before they are asked; says whether there are any.
    pub(crate) fn merge(&mut self) -> bool {
        self.holes.sort_unstable();
        let mut merged: Vec<Ids> = Vec::new();
        for (after, last) in self.holes.drain(..) {
            match merged.last_mut() {
                Some(before) if after <= before.1 => before.1 = before.1.max(last),
                _ => merged.push((after, last)),
            }
        }
        self.holes = merged;
        !self.holes.is_empty()
    }

    pub(crate) fn contains(&self, id: i64) -> bool {
        let behind = self.holes.partition_point(|(after, _)| *after < id);
        behind > 0 && id <= self.holes[behind - 1].1
    }

    /// How many ids in them, between the first and the last that are known, are not `found`, which is
    /// sorted; `None` without a hole.
    pub(crate) fn missing(&self, found: impl Iterator<Item = i64>) -> Option<u64> {
        if self.holes.is_empty() {
            return None;
        }
        let mut found: Vec<i64> = found.collect();
        found.dedup();
        let (first, last) = self.known.unwrap_or((i64::MAX, i64::MIN));
        let first = found.first().map_or(first, |id| first.min(*id));
        let last = found.last().map_or(last, |id| last.max(*id));
        let ids = self.holes.iter().map(|(after, end)| {
            let (after, end) = ((*after).max(first.saturating_sub(1)), (*end).min(last));
            u64::try_from(end.saturating_sub(after)).unwrap_or(0)
        });
        let found = found.iter().filter(|id| self.contains(**id)).count() as u64;
        Some(ids.sum::<u64>().saturating_sub(found))
    }
}
