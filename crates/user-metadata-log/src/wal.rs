//! SQLite's write-ahead log, [as its documentation describes the file][format]: a header, and
//! frames of a page each. SQLite reads it up to the first frame whose checksum does not match and
//! forgets the rest without a word. That is right for what a crash has left half written, and loses
//! committed transactions where a bit has flipped. So it is told here which of both it is, and in
//! the second case the checksums of a copy are written anew: each batch has one of its own, which
//! tells what is damaged.
//!
//! [format]: https://www.sqlite.org/fileformat2.html#the_write_ahead_log

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::queue::FORMAT;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The last bit tells the byte order of the words that are summed.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;
/// Of every file that this crate makes.
const PAGE: u32 = 4_096;
/// What every file that this crate makes begins with: the magic text, the page size, and that it is
/// written through a log.
const DATABASE: [u8; 24] = *b"SQLite format 3\0\x10\x00\x02\x02\x00\x40\x20\x20";

type Sum = (u32, u32);

#[derive(Clone, Copy)]
struct Frame {
    salt: [u8; 8],
    sum: Sum,
    /// The sum that the frame has after the one before it, as that is stored.
    chained: Sum,
    is_commit: bool,
}

/// What a log holds, frame by frame.
struct Wal {
    header: [u8; HEADER],
    is_big_endian: bool,
    header_is_intact: bool,
    page: usize,
    frames: Vec<Frame>,
}

/// Says what is wrong with a log in which committed transactions stand behind a damaged frame.
pub(crate) fn damage(path: &Path) -> Option<String> {
    let wal = Wal::read(path).ok()??;
    let (intact, wanted) = (wal.intact(), wal.wanted());
    (intact < wanted).then(|| {
        let damaged = intact + 1;
        format!("its write-ahead log is damaged at frame {damaged} of {wanted}")
    })
}

/// Tells a queue whose first bytes are damaged, so that SQLite takes it for none, from a file that
/// is none.
pub(crate) fn has_damaged_header(path: &Path) -> bool {
    const APPLICATION_ID: usize = 68;
    let mut header = [0; APPLICATION_ID + 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok()
        && word(&header, APPLICATION_ID) == FORMAT.application_id.cast_unsigned()
        && header[..DATABASE.len()] != DATABASE
}

/// Makes SQLite take a file for a database.
pub(crate) fn mend_header(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(&DATABASE)
}

impl Wal {
    /// `None` for a log without a frame.
    fn read(path: &Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let mut header = [0; HEADER];
        if length < HEADER + FRAME_HEADER + PAGE as usize {
            return Ok(None);
        }
        reader.read_exact(&mut header)?;
        let is_big_endian = word(&header, 0) & 1 == 1;
        let stored = (word(&header, 24), word(&header, 28));
        let header_is_intact = word(&header, 0) & !1 == MAGIC
            && word(&header, 8) == PAGE
            && sum((0, 0), &header[..24], is_big_endian) == stored;
        let mut wal = Self {
            header,
            is_big_endian,
            header_is_intact,
            page: PAGE as usize,
            frames: Vec::new(),
        };
        wal.read_frames(&mut reader, length, stored)?;
        Ok(Some(wal))
    }

    fn read_frames(&mut self, reader: &mut impl Read, length: usize, seed: Sum) -> io::Result<()> {
        let size = FRAME_HEADER + self.page;
        let mut previous = seed;
        let mut frame = vec![0; size];
        for _ in 0..(length - HEADER) / size {
            reader.read_exact(&mut frame)?;
            let stored = (word(&frame, 16), word(&frame, 20));
            let chained = sum(previous, &frame[..8], self.is_big_endian);
            let mut salt = [0; 8];
            salt.copy_from_slice(&frame[8..16]);
            self.frames.push(Frame {
                salt,
                sum: stored,
                chained: sum(chained, &frame[FRAME_HEADER..], self.is_big_endian),
                is_commit: word(&frame, 4) != 0,
            });
            previous = stored;
        }
        Ok(())
    }

    /// The salt that the frames of this log have; older ones may follow them.
    fn salt(&self) -> [u8; 8] {
        let mut salt = [0; 8];
        salt.copy_from_slice(&self.header[16..24]);
        match &self.frames[..] {
            [first, second, ..] if !self.header_is_intact && first.salt == second.salt => {
                first.salt
            }
            [only] if !self.header_is_intact => only.salt,
            _ => salt,
        }
    }

    /// How many frames SQLite reads.
    fn intact(&self) -> usize {
        if !self.header_is_intact {
            return 0;
        }
        let salt = self.salt();
        let is_intact = |frame: &&Frame| frame.salt == salt && frame.chained == frame.sum;
        self.frames.iter().take_while(is_intact).count()
    }

    /// How many frames there would be without damage: up to the last one of this log that ends a
    /// transaction.
    fn wanted(&self) -> usize {
        let salt = self.salt();
        let ends = |frame: &Frame| frame.salt == salt && frame.is_commit;
        self.frames
            .iter()
            .rposition(ends)
            .map_or(0, |last| last + 1)
    }
}

/// Makes SQLite read a log to its end: writes the header and the sums of all frames that belong to
/// it anew.
pub(crate) fn mend(path: &Path) -> io::Result<()> {
    let Some(wal) = Wal::read(path)? else {
        return Ok(());
    };
    let (salt, wanted) = (wal.salt(), wal.wanted());
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut header = wal.header;
    let magic = MAGIC | u32::from(wal.is_big_endian);
    header[..4].copy_from_slice(&magic.to_be_bytes());
    header[4..8].copy_from_slice(&VERSION.to_be_bytes());
    header[8..12].copy_from_slice(&PAGE.to_be_bytes());
    header[16..24].copy_from_slice(&salt);
    let mut running = sum((0, 0), &header[..24], wal.is_big_endian);
    header[24..28].copy_from_slice(&running.0.to_be_bytes());
    header[28..].copy_from_slice(&running.1.to_be_bytes());
    file.write_all(&header)?;
    let size = FRAME_HEADER + wal.page;
    let mut frame = vec![0; size];
    for index in 0..wanted {
        let at = SeekFrom::Start((HEADER + index * size) as u64);
        file.seek(at)?;
        file.read_exact(&mut frame)?;
        frame[8..16].copy_from_slice(&salt);
        running = sum(running, &frame[..8], wal.is_big_endian);
        running = sum(running, &frame[FRAME_HEADER..], wal.is_big_endian);
        frame[16..20].copy_from_slice(&running.0.to_be_bytes());
        frame[20..24].copy_from_slice(&running.1.to_be_bytes());
        file.seek(at)?;
        file.write_all(&frame[..FRAME_HEADER])?;
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

/// SQLite's checksum of an even number of words, after `sum`.
fn sum((mut a, mut b): Sum, bytes: &[u8], is_big_endian: bool) -> Sum {
    let read = |bytes: &[u8]| {
        let mut word = [0; 4];
        word.copy_from_slice(bytes);
        if is_big_endian {
            u32::from_be_bytes(word)
        } else {
            u32::from_le_bytes(word)
        }
    };
    for pair in bytes.chunks_exact(8) {
        a = a.wrapping_add(read(&pair[..4])).wrapping_add(b);
        b = b.wrapping_add(read(&pair[4..])).wrapping_add(a);
    }
    (a, b)
}
