//! The row of a batch; the README documents its format.

use crate::error::AppendError;
use crate::record::LogRecord;

/// The columns of a row besides the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) partition: u32,
    pub(crate) base_offset: u64,
    pub(crate) next_offset: u64,
    pub(crate) max_timestamp_ms: i64,
}

impl BatchHeader {
    pub(crate) fn checksum(&self, records: &[u8]) -> u32 {
        let mut header = [0; 32];
        header[..8].copy_from_slice(&u64::from(self.partition).to_le_bytes());
        header[8..16].copy_from_slice(&self.base_offset.to_le_bytes());
        header[16..24].copy_from_slice(&self.next_offset.to_le_bytes());
        header[24..].copy_from_slice(&self.max_timestamp_ms.to_le_bytes());
        crc32c::crc32c_append(crc32c::crc32c(&header), records)
    }
}

/// A record whose parts lie elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// As [`LogRecord::key`].
    pub key: Option<&'a [u8]>,
    /// As [`LogRecord::value`].
    pub value: Option<&'a [u8]>,
    /// As [`LogRecord::headers`].
    pub headers: &'a [(String, Vec<u8>)],
    /// As [`LogRecord::timestamp_ms`].
    pub timestamp_ms: i64,
}

impl<'a> From<&'a LogRecord> for RecordRef<'a> {
    fn from(record: &'a LogRecord) -> Self {
        Self {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
            timestamp_ms: record.timestamp_ms,
        }
    }
}

/// Records as a row holds them, encoded one after the other.
///
/// ```
/// use user_metadata_log::{EncodedBatch, LogRecord};
/// let mut batch = EncodedBatch::default();
/// batch.push((&LogRecord { value: Some(b"hello".to_vec()), ..LogRecord::default() }).into());
/// assert_eq!((batch.records(), batch.bytes() > 5), (1, true));
/// ```
#[derive(Debug, Clone, Default)]
pub struct EncodedBatch {
    pub(crate) encoded: Vec<u8>,
    records: u64,
    last_timestamp_ms: i64,
    pub(crate) max_timestamp_ms: i64,
}

impl EncodedBatch {
    /// The largest that a row takes, in bytes.
    pub(crate) const MAX_BYTES: usize = 64 << 20;

    /// Refuses a batch that is too large for a row.
    pub(crate) fn check_size(&self) -> Result<(), AppendError> {
        let (bytes, max_bytes) = (self.bytes(), Self::MAX_BYTES);
        if bytes > max_bytes {
            return Err(AppendError::TooLarge { bytes, max_bytes });
        }
        Ok(())
    }

    /// Appends a record.
    pub fn push(&mut self, record: RecordRef<'_>) {
        let out = &mut self.encoded;
        let delta = record.timestamp_ms.wrapping_sub(self.last_timestamp_ms);
        put_varint(out, ((delta << 1) ^ (delta >> 63)).cast_unsigned());
        put_optional(out, record.key);
        put_optional(out, record.value);
        put_varint(out, record.headers.len() as u64);
        for (name, value) in record.headers {
            put_bytes(out, name.as_bytes());
            put_bytes(out, value);
        }
        self.last_timestamp_ms = record.timestamp_ms;
        self.max_timestamp_ms = if self.records == 0 {
            record.timestamp_ms
        } else {
            self.max_timestamp_ms.max(record.timestamp_ms)
        };
        self.records += 1;
    }

    /// Removes all records; the memory is kept.
    pub fn clear(&mut self) {
        self.encoded.clear();
        self.records = 0;
        self.last_timestamp_ms = 0;
        self.max_timestamp_ms = 0;
    }

    /// How many records it holds.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The bytes that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.encoded.len()
    }
}

pub(crate) fn encode(records: &[LogRecord]) -> EncodedBatch {
    let framing = 16 * records.len();
    let payload: usize = records.iter().map(LogRecord::payload_bytes).sum();
    let mut batch = EncodedBatch {
        encoded: Vec::with_capacity(payload + framing),
        ..EncodedBatch::default()
    };
    for record in records {
        batch.push(record.into());
    }
    batch
}

/// Decodes a whole row; `None` when the bytes are not what [`encode`] makes.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Vec<LogRecord>> {
    let mut records = Vec::new();
    let mut previous = 0_i64;
    while !bytes.is_empty() {
        let zigzag = take_varint(&mut bytes)?;
        let delta = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
        previous = previous.wrapping_add(delta);
        let key = take_optional(&mut bytes)?;
        let value = take_optional(&mut bytes)?;
        let count = take_varint(&mut bytes)?;
        let mut headers = Vec::new();
        for _ in 0..count {
            let name = String::from_utf8(take_bytes(&mut bytes)?).ok()?;
            headers.push((name, take_bytes(&mut bytes)?));
        }
        records.push(LogRecord {
            key,
            value,
            headers,
            timestamp_ms: previous,
        });
    }
    Some(records)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn take_bytes(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let length = take_varint(bytes)?;
    take_exactly(bytes, length)
}

fn put_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_varint(out, bytes.map_or(0, |bytes| bytes.len() as u64 + 1));
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn take_optional(bytes: &mut &[u8]) -> Option<Option<Vec<u8>>> {
    match take_varint(bytes)? {
        0 => Some(None),
        length => take_exactly(bytes, length - 1).map(Some),
    }
}

fn take_exactly(bytes: &mut &[u8], length: u64) -> Option<Vec<u8>> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    fn record() -> impl Strategy<Value = LogRecord> {
        let bytes = || vec(any::<u8>(), 0..300);
        (
            option::of(bytes()),
            option::of(bytes()),
            vec((".{0,40}", bytes()), 0..5),
            any::<i64>(),
        )
            .prop_map(|(key, value, headers, timestamp_ms)| LogRecord {
                key,
                value,
                headers,
                timestamp_ms,
            })
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(records in vec(record(), 0..20)) {
            prop_assert_eq!(decode(&encode(&records).encoded), Some(records));
        }

        #[test]
        fn any_bytes_decode_or_are_refused_without_a_panic(bytes in vec(any::<u8>(), 0..500)) {
            if let Some(records) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&records).encoded), Some(records));
            }
        }

        #[test]
        fn a_cut_batch_never_decodes_to_the_whole(records in vec(record(), 1..5), cut: prop::sample::Index) {
            let encoded = encode(&records).encoded;
            prop_assert_ne!(decode(&encoded[..cut.index(encoded.len())]), Some(records));
        }

        #[test]
        fn any_flipped_bit_changes_the_checksum(records in vec(record(), 1..5), bit: prop::sample::Index) {
            let header = BatchHeader { partition: 1, base_offset: 5, next_offset: 9, max_timestamp_ms: 7 };
            let mut encoded = encode(&records).encoded;
            let before = header.checksum(&encoded);
            let bit = bit.index(encoded.len() * 8);
            encoded[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(header.checksum(&encoded), before);
        }
    }

    #[test]
    fn the_checksum_is_crc32c_of_the_columns_and_the_records() {
        // The check value of CRC-32C (RFC 3720) for "123456789".
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        let header = BatchHeader {
            partition: 1,
            base_offset: 2,
            next_offset: 3,
            max_timestamp_ms: -4,
        };
        let mut row = Vec::new();
        for column in [1_u64, 2, 3, (-4_i64).cast_unsigned()] {
            row.extend_from_slice(&column.to_le_bytes());
        }
        row.extend_from_slice(b"records");
        assert_eq!(header.checksum(b"records"), crc32c::crc32c(&row));
    }
}
