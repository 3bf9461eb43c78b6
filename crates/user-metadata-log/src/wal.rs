//! SQLite's write-ahead log, [as its documentation describes the file][format]: a header, and
//! frames of a page each. SQLite reads it up to the first frame whose checksum does not match and
//! forgets the rest without a word. That is right for what a crash has left half written, and loses
//! committed transactions where a bit has flipped. So it is found out here which of the two it is,
//! and which frames can be relied on.
//!
//! [format]: https://www.sqlite.org/fileformat2.html#the_write_ahead_log

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::page::{PAGE, word};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// What a frame's checksum covers of its header: the page's number and the size at a commit.
const SUMMED: usize = 8;
/// The number comes first.
const NUMBER_BITS: usize = 32;
/// The last bit tells the byte order of the words that are summed.
const MAGIC: u32 = 0x377f_0682;

type Sum = (u32, u32);

/// A page that the log holds.
pub(crate) struct Frame {
    pub(crate) page: u32,
    /// Other pages that it may be, if a bit of the number has flipped.
    pub(crate) may_be: Vec<u32>,
    /// Where the page begins in the file.
    pub(crate) at: u64,
    /// Its checksum is right.
    pub(crate) is_intact: bool,
    is_commit: bool,
    /// It was written since the log last started over. If not, it is an older one behind those, or
    /// it is among them and so damaged that nothing is known of it.
    pub(crate) is_current: bool,
}

/// What a log holds, frame by frame.
pub(crate) struct Log {
    frames: Vec<Frame>,
    /// How many of them SQLite reads.
    read_by_sqlite: usize,
    /// The file ends within a frame, as where it was cut, or the process killed, while it grew.
    pub(crate) is_torn: bool,
}

impl Log {
    /// `None` for a log without a frame.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        const FRAME: u64 = (FRAME_HEADER + PAGE) as u64;
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let length = file.metadata()?.len();
        let Some(frames) = length.checked_sub(HEADER as u64) else {
            return Ok(None);
        };
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let mut log = FrameReader::new(&mut reader)?;
        for _ in 0..frames / FRAME {
            log.read_frame(&mut reader)?;
        }
        let FrameReader { frames: found, .. } = &log;
        let is_torn = frames % FRAME != 0 && found.last().is_none_or(|last| last.is_current);
        let log = Self {
            read_by_sqlite: log.read_by_sqlite,
            frames: log.frames,
            is_torn,
        };
        Ok(Some(log).filter(|log| log.is_torn || !log.frames.is_empty()))
    }

    /// The frames up to the end of the last transaction, in the order of writing.
    pub(crate) fn committed(&self) -> &[Frame] {
        let is_end = |frame: &Frame| frame.is_current && frame.is_commit;
        let last = self.frames.iter().rposition(is_end);
        &self.frames[..last.map_or(0, |last| last + 1)]
    }

    /// Says what is wrong with a log in which committed transactions stand behind a damaged frame.
    pub(crate) fn damage(&self) -> Option<String> {
        let (intact, wanted) = (self.read_by_sqlite, self.committed().len());
        (intact < wanted).then(|| {
            let damaged = intact + 1;
            format!("its write-ahead log is damaged at frame {damaged} of {wanted}")
        })
    }
}

struct FrameReader {
    frames: Vec<Frame>,
    is_big_endian: bool,
    /// Of the frames that were written since the log has started over.
    salt: Option<[u8; 8]>,
    /// The sum that the frame before has, as it says, and as it should.
    stored: Sum,
    computed: Sum,
    read_by_sqlite: usize,
    /// SQLite reads no further.
    has_ended: bool,
}

impl FrameReader {
    fn new(reader: &mut impl Read) -> io::Result<Self> {
        let mut header = [0; HEADER];
        reader.read_exact(&mut header)?;
        let is_big_endian = word(&header, 0) & 1 == 1;
        let stored = (word(&header, 24), word(&header, 28));
        let computed = sum((0, 0), &header[..24], is_big_endian);
        let is_intact =
            word(&header, 0) & !1 == MAGIC && word(&header, 8) == PAGE as u32 && computed == stored;
        Ok(Self {
            frames: Vec::new(),
            // SQLite sums in the order of the machine.
            is_big_endian: if is_intact {
                is_big_endian
            } else {
                cfg!(target_endian = "big")
            },
            salt: is_intact.then(|| array(&header[16..24])),
            stored,
            computed,
            read_by_sqlite: 0,
            has_ended: !is_intact,
        })
    }

    fn read_frame(&mut self, reader: &mut impl Read) -> io::Result<()> {
        let mut frame = [0; FRAME_HEADER + PAGE];
        reader.read_exact(&mut frame)?;
        let salt: [u8; 8] = array(&frame[8..16]);
        let stored = (word(&frame, 16), word(&frame, 20));
        let header: [u8; SUMMED] = array(&frame);
        let page = &frame[FRAME_HEADER..];
        let sum_after = |before, header: &[u8]| {
            let before = sum(before, header, self.is_big_endian);
            sum(before, page, self.is_big_endian)
        };
        let computed = sum_after(self.stored, &header);
        // If the frame before has the wrong checksum, but is right itself, this one proves it.
        let proves_previous = computed != stored && sum_after(self.computed, &header) == stored;
        let is_intact = computed == stored || proves_previous;
        let flipped = |bit: usize| {
            let mut header = header;
            header[bit / 8] ^= 1 << (bit % 8);
            header
        };
        let others = (0..if is_intact { 0 } else { NUMBER_BITS }).map(flipped);
        let others = others.filter(|header| sum_after(self.stored, header) == stored);
        let may_be = others.map(|header| word(&header, 0)).collect();
        let is_first = self.frames.is_empty();
        let salt_is_right = salt == *self.salt.get_or_insert(salt);
        let follows = is_first || self.frames.last().is_some_and(|frame| frame.is_current);
        if proves_previous && let Some(previous) = self.frames.last_mut() {
            previous.is_intact = true;
            previous.may_be.clear();
        }
        self.has_ended |= computed != stored || !salt_is_right;
        self.read_by_sqlite += usize::from(!self.has_ended);
        let length = FRAME_HEADER + PAGE;
        self.frames.push(Frame {
            page: word(&header, 0),
            may_be,
            at: (HEADER + self.frames.len() * length + FRAME_HEADER) as u64,
            is_intact,
            is_commit: word(&header, 4) != 0,
            is_current: salt_is_right || (is_intact && follows),
        });
        (self.stored, self.computed) = (stored, computed);
        Ok(())
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}

/// SQLite's checksum of an even number of words, after `sum`.
fn sum((mut a, mut b): Sum, bytes: &[u8], is_big_endian: bool) -> Sum {
    let read = |bytes: &[u8]| {
        if is_big_endian {
            u32::from_be_bytes(array(bytes))
        } else {
            u32::from_le_bytes(array(bytes))
        }
    };
    for pair in bytes.chunks_exact(8) {
        a = a.wrapping_add(read(&pair[..4])).wrapping_add(b);
        b = b.wrapping_add(read(&pair[4..])).wrapping_add(a);
    }
    (a, b)
}
