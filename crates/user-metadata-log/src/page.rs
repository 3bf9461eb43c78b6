//! What stands in a page of the table `batches`, [as SQLite's documentation describes it][format].
//! Nothing in a damaged page is trusted: neither the number of cells nor their positions. A batch is
//! what has the checksum of one, wherever it is in the part of the page that is in use.
//!
//! [format]: https://www.sqlite.org/fileformat2.html#b_tree_pages

use std::ops::Range;

use crate::encoding::EncodedBatch;

/// The size of the pages of every file that this crate makes.
pub(crate) const PAGE: usize = 4_096;

/// No payload is larger: the records, and the other columns.
const MOST_BYTES: usize = EncodedBatch::MAX_BYTES + 64;

pub(crate) type Page = [u8; PAGE];

pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

fn half(page: &Page, at: usize) -> usize {
    usize::from(u16::from_be_bytes([page[at], page[at + 1]]))
}

/// SQLite's varint, and how many bytes it takes.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        if index == 8 {
            return Some((value << 8 | u64::from(*byte), 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if *byte < 0x80 {
            return Some((value, index + 1));
        }
    }
    None
}

/// Where the cells of a page are, as it says.
struct Layout {
    /// The pointers to them.
    pointers: Vec<usize>,
    /// From here on there are cells and gaps.
    start: usize,
    gaps: Vec<Range<usize>>,
    /// The bytes in gaps that are too small to be listed.
    fragments: usize,
}

impl Layout {
    fn of(page: &Page, header: usize) -> Self {
        let end = header + 2 * half(page, 3);
        let pointers = (header..end.min(PAGE - 1)).step_by(2);
        Self {
            pointers: pointers.map(|at| half(page, at)).collect(),
            start: half(page, 5),
            gaps: gaps(page),
            fragments: usize::from(page[7]),
        }
    }

    /// Where the first cell is, as the pointers say.
    fn first_cell(&self) -> Option<usize> {
        let is_behind_pointers = |at: &usize| (8 + 2 * self.pointers.len()..PAGE).contains(at);
        self.pointers
            .iter()
            .copied()
            .filter(is_behind_pointers)
            .min()
    }

    /// Whether these cells (where each is, and its size) and the gaps fill the page without overlap.
    fn is_filled_by(&self, cells: impl Iterator<Item = (usize, usize)>) -> bool {
        let gaps = self.gaps.iter().map(|gap| (gap.start, gap.len()));
        let mut parts: Vec<(usize, usize)> = cells.chain(gaps).collect();
        parts.sort_unstable();
        let mut end = self.start;
        let is_disjoint = parts.iter().all(|(at, bytes)| {
            let is_behind = *at >= end;
            end = at + bytes;
            is_behind && end <= PAGE
        });
        let bytes: usize = parts.iter().map(|(_, bytes)| bytes).sum();
        is_disjoint && bytes + self.fragments + self.start == PAGE
    }
}

/// Where cells have been.
fn gaps(page: &Page) -> Vec<Range<usize>> {
    let mut gaps: Vec<Range<usize>> = Vec::new();
    let mut at = half(page, 1);
    while at >= gaps.last().map_or(8, |last| last.end) && at <= PAGE - 4 {
        let end = at + half(page, at + 2);
        if end < at + 4 || end > PAGE {
            break;
        }
        gaps.push(at..end);
        at = half(page, at);
    }
    gaps
}

/// An inner page: the children, each with the largest id that it may have.
pub(crate) fn children(page: &Page) -> Option<Vec<(u32, i64)>> {
    const HEADER: usize = 12;
    let layout = Layout::of(page, HEADER);
    // A consistent layout says more than the first byte.
    if !says_inner(page) && layout.pointers.is_empty() {
        return None;
    }
    let (mut children, mut cells) = (Vec::new(), Vec::new());
    for at in layout.pointers.iter().copied() {
        let cell = page.get(at..).filter(|cell| cell.len() > 4)?;
        let (key, length) = varint(&cell[4..])?;
        children.push((word(cell, 0), key.cast_signed()));
        cells.push((at, 4 + length));
    }
    children.push((word(page, 8), i64::MAX));
    let is_ordered = children.is_sorted_by(|a, b| a.1 < b.1);
    (is_ordered && layout.is_filled_by(cells.into_iter())).then_some(children)
}

pub(crate) fn says_inner(page: &Page) -> bool {
    page[0] == 0x05
}

pub(crate) fn says_leaf(page: &Page) -> bool {
    page[0] == 0x0d
}

/// A cell of a leaf that looks like a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) id: i64,
    pub(crate) count: u64,
    pub(crate) max_timestamp_ms: i64,
    pub(crate) checksum: u32,
    /// The bytes of the records.
    pub(crate) length: usize,
    /// Where the first of them are in the page.
    pub(crate) local: (usize, usize),
    /// The page with the following ones.
    pub(crate) overflow: Option<u32>,
    /// Its size in the page.
    size: usize,
}

impl Cell {
    pub(crate) fn at(page: &Page, at: usize) -> Option<Self> {
        let (payload, length) = varint(page.get(at..)?)?;
        let (id, id_length) = varint(&page[at + length..])?;
        let start = at + length + id_length;
        let payload = usize::try_from(payload)
            .ok()
            .filter(|length| *length <= MOST_BYTES)?;
        let local = local_bytes(payload);
        let bytes = page.get(start..start + local)?;
        // The length of the header, and a type for each column; the id itself is in none.
        let [header, 0, types @ ..] = bytes else {
            return None;
        };
        let header = usize::from(*header);
        let mut types = types.get(..header.checked_sub(2)?)?;
        let mut values = bytes.get(header..)?;
        let [count, max_timestamp_ms, checksum] =
            [(); 3].map(|()| integer(&mut types, &mut values));
        let (blob, type_length) = varint(types)?;
        let length = usize::try_from(blob.checked_sub(12)? / 2).ok()?;
        let records = local - values.len();
        let is_whole = types.len() == type_length && blob % 2 == 0 && payload - records == length;
        let size = start + local - at;
        let overflow = if local < payload {
            let next = page.get(start + local..start + local + 4)?;
            Some(word(next, 0))
        } else {
            None
        };
        is_whole.then_some(Self {
            id: id.cast_signed(),
            count: count?.cast_unsigned(),
            max_timestamp_ms: max_timestamp_ms?,
            checksum: u32::try_from(checksum?).ok()?,
            length,
            local: (start + records, start + local),
            overflow,
            // The least that a cell takes is 4.
            size: size + 4 * usize::from(local < payload),
        })
    }
}

/// How much of a payload is in the leaf.
fn local_bytes(payload: usize) -> usize {
    const MOST: usize = PAGE - 35;
    const LEAST: usize = (PAGE - 12) * 32 / 255 - 23;
    if payload <= MOST {
        return payload;
    }
    let rest = LEAST + (payload - LEAST) % (PAGE - 4);
    if rest <= MOST { rest } else { LEAST }
}

/// Takes a type and the integer of that type.
fn integer(types: &mut &[u8], values: &mut &[u8]) -> Option<i64> {
    let (kind, rest) = types.split_first()?;
    *types = rest;
    let length = match kind {
        1..=4 => usize::from(*kind),
        5 => 6,
        6 => 8,
        8 | 9 => return Some(i64::from(kind - 8)),
        _ => return None,
    };
    let (bytes, rest) = values.split_at_checked(length)?;
    *values = rest;
    let first = i64::from(bytes[0].cast_signed());
    Some(
        bytes[1..]
            .iter()
            .fold(first, |value, byte| value << 8 | i64::from(*byte)),
    )
}

/// What a leaf holds.
pub(crate) struct Leaf {
    /// The intact batches, and where they are.
    pub(crate) intact: Vec<(usize, Cell)>,
    /// What looks like a batch and has the wrong checksum.
    pub(crate) damaged: Vec<(usize, Cell)>,
    /// They fill the page: there is nothing else.
    pub(crate) is_complete: bool,
}

impl Leaf {
    pub(crate) fn read(page: &Page, mut is_intact: impl FnMut(&Cell) -> bool) -> Self {
        const HEADER: usize = 8;
        let mut layout = Layout::of(page, HEADER);
        let leaf = Self::within(&layout, page, &mut is_intact);
        if leaf.is_complete {
            return leaf;
        }
        let said = layout.start;
        layout.start = layout.first_cell().unwrap_or(said);
        let leaf = Self::within(&layout, page, &mut is_intact);
        if leaf.is_complete {
            return leaf;
        }
        // Better to search unused space, too, than to miss something.
        layout.start = layout.start.min(said);
        let is_in = |gap: &Range<usize>| layout.pointers.iter().any(|at| gap.contains(at));
        if layout.gaps.iter().any(is_in) {
            layout.gaps.clear();
        }
        Self::within(&layout, page, &mut is_intact)
    }

    fn within(layout: &Layout, page: &Page, is_intact: &mut impl FnMut(&Cell) -> bool) -> Self {
        let mut intact = Vec::new();
        let mut at = layout.start;
        while at < PAGE {
            if let Some(gap) = layout.gaps.iter().find(|gap| gap.contains(&at)) {
                at = gap.end;
            } else if let Some(cell) = Cell::at(page, at).filter(&mut *is_intact) {
                intact.push((at, cell));
                at += cell.size;
            } else {
                at += 1;
            }
        }
        let fill = |cells: &[(usize, Cell)]| {
            layout.is_filled_by(cells.iter().map(|(at, cell)| (*at, cell.size)))
        };
        let mut damaged = Vec::new();
        if !fill(&intact) {
            let is_found = |at: &usize| intact.iter().any(|(found, _)| found == at);
            let others = layout.pointers.iter().copied().filter(|at| !is_found(at));
            damaged.extend(others.filter_map(|at| Some((at, Cell::at(page, at)?))));
        }
        Self {
            is_complete: fill(&[&intact[..], &damaged[..]].concat()),
            intact,
            damaged,
        }
    }
}
