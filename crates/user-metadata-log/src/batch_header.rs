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
