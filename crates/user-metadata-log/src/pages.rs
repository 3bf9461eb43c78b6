//! The pages of a damaged queue, in the file or in the log beside it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::page::{Cell, PAGE, Page, word};
use crate::queue::wal_path;
use crate::queue_reader::{QueuedBatch, batch, header};
use crate::wal::Log;

/// Where a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Database(u64),
    Log(u64),
}

/// The newest version of each page of a file and its log, as far as that is known.
pub(crate) struct Pages {
    database: RefCell<File>,
    log: Option<RefCell<File>>,
    /// In the database.
    count: u32,
    in_log: BTreeMap<u32, InLog>,
    /// The last frame of which nothing is known, if there is one: what the log does not have behind
    /// it may be an old page.
    last_unknown: Option<u64>,
}

/// Where the log has a page.
#[derive(Default)]
struct InLog {
    intact: Option<u64>,
    /// Written after that, and damaged.
    damaged: Vec<u64>,
}

impl Pages {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let database = File::open(path)?;
        let length = database.metadata()?.len();
        let wal = wal_path(path);
        let mut pages = Self {
            database: RefCell::new(database),
            log: None,
            count: u32::try_from(length.div_ceil(PAGE as u64)).unwrap_or(u32::MAX),
            in_log: BTreeMap::new(),
            last_unknown: None,
        };
        if let Some(log) = Log::read(&wal)? {
            pages.log = Some(RefCell::new(File::open(wal)?));
            for frame in log.committed() {
                if !frame.is_current {
                    pages.last_unknown = Some(frame.at);
                    continue;
                }
                for page in frame.may_be.iter().chain([&frame.page]) {
                    let page = pages.in_log.entry(*page).or_default();
                    if frame.is_intact {
                        page.intact = Some(frame.at);
                        page.damaged.clear();
                    } else {
                        page.damaged.push(frame.at);
                    }
                }
            }
        }
        Ok(pages)
    }

    /// The numbers of all pages.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        let further = self.in_log.range(self.count.saturating_add(1)..);
        (1..=self.count).chain(further.map(|(page, _)| *page))
    }

    /// Whether some may be old ones without a sign of it.
    pub(crate) fn may_be_old(&self) -> bool {
        self.last_unknown.is_some()
    }

    /// Where a page is, the newest first. Behind one whose checksum is wrong comes an older one.
    pub(crate) fn places(&self, page: u32) -> Vec<Place> {
        let in_log = self.in_log.get(&page);
        let damaged = in_log.iter().flat_map(|page| page.damaged.iter().rev());
        let mut places: Vec<Place> = damaged.copied().map(Place::Log).collect();
        if let Some(at) = in_log.and_then(|page| page.intact) {
            places.push(Place::Log(at));
        } else if (1..=self.count).contains(&page) {
            places.push(Place::Database(u64::from(page - 1) * PAGE as u64));
        }
        places
    }

    /// Reads a page; what lies behind the end of the file is zero.
    pub(crate) fn read(&self, place: Place) -> io::Result<Page> {
        let (file, at) = match (place, &self.log) {
            (Place::Log(at), Some(log)) => (log, at),
            (Place::Database(at) | Place::Log(at), _) => (&self.database, at),
        };
        let mut file = file.borrow_mut();
        file.seek(SeekFrom::Start(at))?;
        let mut page = Vec::with_capacity(PAGE);
        (&mut *file).take(PAGE as u64).read_to_end(&mut page)?;
        page.resize(PAGE, 0);
        let mut whole = [0; PAGE];
        whole.copy_from_slice(&page);
        Ok(whole)
    }

    fn read_newest(&self, page: u32) -> io::Result<Option<Page>> {
        let newest = self.places(page).first().copied();
        newest.map(|place| self.read(place)).transpose()
    }

    /// The batch of a cell, if it is intact.
    pub(crate) fn batch(&self, page: &Page, cell: &Cell) -> io::Result<Option<QueuedBatch>> {
        /// Each says for one more page that is there twice which one is taken.
        const CHOICES: u32 = 16;
        let id = cell.id.cast_unsigned();
        let header = header(id, cell.count, cell.max_timestamp_ms);
        for choices in 0..CHOICES {
            let (records, used) = self.records(page, cell, choices)?;
            if records.len() == cell.length && header.checksum(&records) == cell.checksum {
                return Ok(batch(id, cell.count, &records));
            }
            if choices + 1 >= used {
                break;
            }
        }
        Ok(None)
    }

    /// The bytes of a cell, as far as they are there. Where a page is there twice, the lowest of
    /// `choices` says whether the older one is taken. Also returns how many choices there are.
    pub(crate) fn records(
        &self,
        page: &Page,
        cell: &Cell,
        mut choices: u32,
    ) -> io::Result<(Vec<u8>, u32)> {
        let mut records = page[cell.local.0..cell.local.1].to_vec();
        let (mut next, mut all) = (cell.overflow.unwrap_or(0), 1_u32);
        while records.len() < cell.length {
            let places = self.places(next);
            let (Some(newest), Some(oldest)) = (places.first(), places.last()) else {
                break;
            };
            let mut place = newest;
            if newest != oldest {
                place = if choices & 1 == 1 { oldest } else { newest };
                choices >>= 1;
                all = all.saturating_mul(2);
            }
            let page = self.read(*place)?;
            next = word(&page, 0);
            let left = (cell.length - records.len()).min(PAGE - 4);
            records.extend_from_slice(&page[4..4 + left]);
        }
        Ok((records, all))
    }

    /// The pages that hold nothing, as far as the list of them can be read.
    pub(crate) fn free(&self) -> io::Result<BTreeSet<u32>> {
        /// Where the first page has the first of those that are the list, and how many are free.
        const LIST: usize = 32;
        const COUNT: usize = 36;
        const MOST: usize = PAGE / 4 - 2;
        let mut free = BTreeSet::new();
        let mut trunks = HashSet::new();
        let Some(first) = self.read_newest(1)? else {
            return Ok(free);
        };
        let mut trunk = word(&first, LIST);
        while trunk > 1
            && trunks.insert(trunk)
            && let Some(page) = self.read_newest(trunk)?
        {
            let count = word(&page, 4) as usize;
            if count > MOST {
                break;
            }
            free.insert(trunk);
            free.extend((0..count).map(|index| word(&page, 8 + 4 * index)));
            trunk = word(&page, 0);
        }
        let is_new = |unknown| self.places(1).first() > Some(&Place::Log(unknown));
        let is_whole = free.len() == word(&first, COUNT) as usize;
        if self
            .last_unknown
            .is_some_and(|unknown| !is_whole || !is_new(unknown))
        {
            // What was written since the log has started over may be in use by now.
            free.retain(|page| !self.in_log.contains_key(page));
        }
        Ok(free)
    }
}
