//! The records of a row; the README documents their format.

use bytes::Bytes;

use crate::error::AppendError;
use crate::record::LogRecord;

/// A record of a batch, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// As [`LogRecord::key`].
    pub key: Option<&'a [u8]>,
    /// As [`LogRecord::value`].
    pub value: Option<&'a [u8]>,
    /// As [`LogRecord::timestamp_ms`].
    pub timestamp_ms: i64,
    headers: &'a [u8],
}

impl<'a> RecordRef<'a> {
    /// As [`LogRecord::headers`].
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let mut bytes = self.headers;
        // `Records` has checked all of them.
        std::iter::from_fn(move || take_header(&mut bytes))
    }

    /// Copies it.
    #[must_use]
    pub fn to_record(self) -> LogRecord {
        self.to_record_of(Bytes::copy_from_slice)
    }

    fn to_record_of(self, own: impl Fn(&[u8]) -> Bytes) -> LogRecord {
        let headers = self.headers();
        LogRecord {
            key: self.key.map(&own),
            value: self.value.map(&own),
            headers: headers
                .map(|(name, value)| (name.to_owned(), own(value)))
                .collect(),
            timestamp_ms: self.timestamp_ms,
        }
    }
}

/// The records of an [`EncodedBatch`], in order.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    bytes: &'a [u8],
    previous_ms: i64,
}

impl<'a> Records<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            previous_ms: 0,
        }
    }

    /// `None` also for bytes that are not a record.
    fn read(&mut self) -> Option<RecordRef<'a>> {
        let bytes = &mut self.bytes;
        let zigzag = take_varint(bytes)?;
        let delta = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
        self.previous_ms = self.previous_ms.wrapping_add(delta);
        let key = take_optional(bytes)?;
        let value = take_optional(bytes)?;
        let count = take_varint(bytes)?;
        let headers = *bytes;
        for _ in 0..count {
            take_header(bytes)?;
        }
        Some(RecordRef {
            key,
            value,
            timestamp_ms: self.previous_ms,
            headers: &headers[..headers.len() - bytes.len()],
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = RecordRef<'a>;

    fn next(&mut self) -> Option<RecordRef<'a>> {
        let record = self.read();
        if record.is_none() {
            self.bytes = &[];
        }
        record
    }
}

/// Records as a row holds them, encoded one after the other.
///
/// ```
/// use user_metadata_log::EncodedBatch;
/// let mut batch = EncodedBatch::default();
/// batch.push(Some(b"key"), Some(b"hello"), [("language", b"en")], 1_763_856_000_000);
/// let record = batch.iter().next().unwrap();
/// assert_eq!(record.value, Some(&b"hello"[..]));
/// assert_eq!(record.headers().next(), Some(("language", &b"en"[..])));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncodedBatch {
    pub(crate) encoded: Vec<u8>,
    records: usize,
    last_timestamp_ms: i64,
    pub(crate) max_timestamp_ms: i64,
}

impl EncodedBatch {
    /// The largest batch that a row takes, in bytes.
    pub(crate) const MAX_BYTES: usize = 64 << 20;

    /// Refuses a batch that is too large for a row.
    pub(crate) fn check_size(&self) -> Result<(), AppendError> {
        let (bytes, max_bytes) = (self.size_bytes(), Self::MAX_BYTES);
        if bytes > max_bytes {
            return Err(AppendError::TooLarge { bytes, max_bytes });
        }
        Ok(())
    }

    /// Takes the bytes of a row; `None` when they are not what [`push`](Self::push) makes.
    pub(crate) fn from_encoded(encoded: &[u8]) -> Option<Self> {
        let mut batch = Self::default();
        let mut records = Records::new(encoded);
        while !records.bytes.is_empty() {
            let record = records.read()?;
            batch.count(record.timestamp_ms);
        }
        batch.encoded = encoded.to_vec();
        Some(batch)
    }

    /// Appends a record of these parts, see [`LogRecord`].
    pub fn push<H, N, V>(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
        timestamp_ms: i64,
    ) where
        H: IntoIterator<Item = (N, V), IntoIter: ExactSizeIterator>,
        N: AsRef<str>,
        V: AsRef<[u8]>,
    {
        let out = &mut self.encoded;
        let delta = timestamp_ms.wrapping_sub(self.last_timestamp_ms);
        put_varint(out, ((delta << 1) ^ (delta >> 63)).cast_unsigned());
        put_optional(out, key);
        put_optional(out, value);
        let headers = headers.into_iter();
        put_varint(out, headers.len() as u64);
        for (name, value) in headers {
            put_bytes(out, name.as_ref().as_bytes());
            put_bytes(out, value.as_ref());
        }
        self.count(timestamp_ms);
    }

    fn count(&mut self, timestamp_ms: i64) {
        self.last_timestamp_ms = timestamp_ms;
        self.max_timestamp_ms = if self.records == 0 {
            timestamp_ms
        } else {
            self.max_timestamp_ms.max(timestamp_ms)
        };
        self.records += 1;
    }

    /// Reads them without copying.
    #[must_use]
    pub fn iter(&self) -> Records<'_> {
        Records::new(&self.encoded)
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Their encoded size in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
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
        let headers = record.headers.iter();
        batch.push(
            record.key.as_deref(),
            record.value.as_deref(),
            headers.map(|(name, value)| (name, value)),
            record.timestamp_ms,
        );
    }
    batch
}

/// Decodes a whole row; `None` when the bytes are not what [`encode`] makes.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<LogRecord>> {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut records = Records::new(&bytes);
    let mut decoded = Vec::new();
    while !records.bytes.is_empty() {
        let record = records.read()?;
        decoded.push(record.to_record_of(|part| bytes.slice_ref(part)));
    }
    Some(decoded)
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

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_varint(bytes)?;
    take_exactly(bytes, length)
}

fn take_header<'a>(bytes: &mut &'a [u8]) -> Option<(&'a str, &'a [u8])> {
    let name = str::from_utf8(take_bytes(bytes)?).ok()?;
    Some((name, take_bytes(bytes)?))
}

fn put_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_varint(out, bytes.map_or(0, |bytes| bytes.len() as u64 + 1));
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn take_optional<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    match take_varint(bytes)? {
        0 => Some(None),
        length => take_exactly(bytes, length - 1).map(Some),
    }
}

fn take_exactly<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::batch_header::BatchHeader;

    fn record() -> impl Strategy<Value = LogRecord> {
        let bytes = || vec(any::<u8>(), 0..300).prop_map(Bytes::from);
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
            let batch = encode(&records);
            prop_assert_eq!(EncodedBatch::from_encoded(&batch.encoded), Some(batch.clone()));
            let read: Vec<_> = batch.iter().map(RecordRef::to_record).collect();
            prop_assert_eq!(&read, &records);
            prop_assert_eq!(decode(&batch.encoded), Some(records));
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
