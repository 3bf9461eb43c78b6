//! Finds all batches that can still be read of a damaged queue.

use std::collections::{BTreeSet, HashSet};
use std::io;

use crate::encoding::EncodedBatch;
use crate::holes::{ALL, Holes, Ids};
use crate::page::{Cell, Leaf, Page, children, says_inner, says_leaf};
use crate::pages::{Pages, Place};
use crate::queue_reader::QueuedBatch;

/// A batch that can be read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    id: i64,
    /// The tree leads to it. One of the same id that it does not lead to is older: ids start over
    /// when all batches were removed.
    is_current: bool,
    place: Place,
    at: usize,
}

/// The tree of the table leads to all batches that are there, as long as its inner pages are intact.
/// Where one is not, all pages that are not free are searched for batches of the ids in question.
/// So what was removed comes back only where the list of the free pages is damaged, too.
pub(crate) struct Rows {
    pages: Pages,
    rows: Vec<Row>,
    seen: HashSet<u32>,
    /// Leaves of which nothing is in doubt.
    finished: HashSet<u32>,
    /// The ids that the tree does not lead to reliably.
    holes: Holes,
    /// The ids of pages that can't be read: each held a batch.
    lost_pages: Vec<Ids>,
    /// The damaged batches, and how many records they held.
    damaged: Vec<(i64, u64)>,
}

/// What can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Records that are lost for certain.
    pub(crate) records: u64,
    /// Unless that is all: the batches that are lost or had been removed.
    pub(crate) missing: Option<u64>,
}

impl Rows {
    /// The table is the only one, and its root never moves.
    const ROOT: u32 = 2;
    /// No tree is that high.
    const MOST_LEVELS: u32 = 20;
    /// A count beyond this is itself damaged.
    const MOST_RECORDS: u64 = 1 << 20;

    pub(crate) fn find(pages: Pages) -> io::Result<Self> {
        let mut rows = Self {
            pages,
            rows: Vec::new(),
            seen: HashSet::new(),
            finished: HashSet::new(),
            holes: Holes::default(),
            lost_pages: Vec::new(),
            damaged: Vec::new(),
        };
        rows.walk(Self::ROOT, ALL, ALL, 0)?;
        if rows.pages.may_be_old() {
            rows.holes.push(ALL);
        }
        if rows.holes.merge() {
            rows.search()?;
        }
        rows.rows.sort_unstable();
        Ok(rows)
    }

    /// Goes through the part of the tree under `page`, which has the ids `ids` and lies under one
    /// with the ids `outer`.
    fn walk(&mut self, page: u32, ids: Ids, outer: Ids, level: u32) -> io::Result<()> {
        let places = self.pages.places(page);
        if level > Self::MOST_LEVELS || !self.seen.insert(page) {
            self.lose(ids);
            return Ok(());
        }
        let (mut is_finished, mut is_empty) = (places.len() == 1, true);
        for (age, place) in places.iter().enumerate() {
            let content = self.pages.read(*place)?;
            if let Some(children) = children_within(&content, ids) {
                if places.len() > 1 {
                    self.holes.push(ids);
                }
                return children.into_iter().try_for_each(|(child, child_ids)| {
                    self.holes.know(child_ids);
                    self.walk(child, child_ids, ids, level + 1)
                });
            }
            let leaf = self.read_leaf(&content)?;
            is_empty &= leaf.intact.is_empty() && leaf.damaged.is_empty();
            is_finished &= leaf.is_complete;
            // Its unused space may hold old batches.
            if says_inner(&content) && !leaf.is_complete {
                continue;
            }
            for (at, cell) in &leaf.intact {
                if ids.0 < cell.id && cell.id <= ids.1 {
                    self.push(age == 0, cell, *place, *at);
                } else {
                    // Either the tree has wrong ids here, or this is another page.
                    is_finished = false;
                    self.holes.push(outer);
                }
            }
            if age == 0 && leaf.is_complete {
                self.note_damaged(&content, &leaf.damaged)?;
            }
        }
        // No page but the root is ever empty.
        if is_empty && level > 0 {
            self.lose(ids);
        } else if is_finished {
            self.finished.insert(page);
        } else {
            self.holes.push(ids);
        }
        Ok(())
    }

    fn lose(&mut self, ids: Ids) {
        self.holes.push(ids);
        self.lost_pages.push(ids);
    }

    fn push(&mut self, is_current: bool, cell: &Cell, place: Place, at: usize) {
        let id = cell.id;
        self.rows.push(Row {
            id,
            is_current,
            place,
            at,
        });
    }

    fn read_leaf(&self, page: &Page) -> io::Result<Leaf> {
        let mut error = None;
        let leaf = Leaf::read(page, |cell| match self.pages.batch(page, cell) {
            Ok(batch) => batch.is_some(),
            Err(refused) => {
                error = Some(refused);
                false
            }
        });
        error.map_or(Ok(leaf), Err)
    }

    fn note_damaged(&mut self, page: &Page, damaged: &[(usize, Cell)]) -> io::Result<()> {
        for (_, cell) in damaged {
            // What is damaged may be the number itself.
            let (records, _) = self.pages.records(page, cell, 0)?;
            let records = EncodedBatch::from_encoded(&records);
            let records = records.filter(|records| records.size_bytes() == cell.length);
            let count = records.map_or(cell.count, |records| records.len() as u64);
            if (1..=Self::MOST_RECORDS).contains(&count) {
                self.damaged.push((cell.id, count));
            } else {
                self.holes.push((cell.id.saturating_sub(1), cell.id));
            }
        }
        Ok(())
    }

    /// Looks in all pages for what the tree may not lead to.
    fn search(&mut self) -> io::Result<()> {
        let free: BTreeSet<u32> = self.pages.free()?;
        let numbers: Vec<u32> = self.pages.numbers().collect();
        for page in numbers {
            if page == 1 || free.contains(&page) || self.finished.contains(&page) {
                continue;
            }
            for place in self.pages.places(page) {
                let content = self.pages.read(place)?;
                if !says_leaf(&content) {
                    continue;
                }
                for (at, cell) in &self.read_leaf(&content)?.intact {
                    if self.holes.contains(cell.id) {
                        self.push(false, cell, place, *at);
                    }
                }
            }
        }
        Ok(())
    }

    /// The batches in order.
    pub(crate) fn batches(&self) -> impl Iterator<Item = io::Result<QueuedBatch>> {
        let mut last = None;
        let read = |row: &Row| {
            let page = self.pages.read(row.place)?;
            match Cell::at(&page, row.at) {
                Some(cell) => self.pages.batch(&page, &cell),
                None => Ok(None),
            }
        };
        let batches = self
            .rows
            .iter()
            .filter_map(move |row| read(row).transpose());
        batches.filter(move |batch| {
            let is_new = !matches!((batch, &last), (Ok(batch), Some(last)) if batch == last);
            last = batch.as_ref().ok().cloned();
            is_new
        })
    }

    /// What can't be read.
    pub(crate) fn lost(&self) -> Lost {
        let found = |after: i64, last: i64| {
            let first = self.rows.partition_point(|row| row.id <= after);
            let rows = self.rows[first..].iter();
            rows.take_while(move |row| row.id <= last)
        };
        let damaged = self.damaged.iter().filter(|(id, _)| {
            let mut copies = found(id.saturating_sub(1), *id);
            copies.all(|row| row.is_current)
        });
        let damaged: u64 = damaged.map(|(_, count)| count).sum();
        let pages = self.lost_pages.iter();
        let pages = pages.filter(|(after, last)| found(*after, *last).next().is_none());
        let pages = pages.count() as u64;
        Lost {
            records: damaged + pages,
            missing: self.holes.missing(self.rows.iter().map(|row| row.id)),
        }
    }
}

/// The children of an inner page, with the ids that each has.
fn children_within(page: &Page, (first, last): Ids) -> Option<Vec<(u32, Ids)>> {
    let mut after = first;
    let mut within = Vec::new();
    let children = children(page)?;
    let count = children.len();
    for (index, (child, key)) in children.into_iter().enumerate() {
        let key = if index + 1 == count { last } else { key };
        if key <= after || key > last {
            return None;
        }
        within.push((child, (after, key)));
        after = key;
    }
    Some(within)
}
