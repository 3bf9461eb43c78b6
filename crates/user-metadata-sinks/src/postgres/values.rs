//! Values as PostgreSQL has them on the wire.

use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use user_metadata_events::UnixMillis;

type Converted<T> = Result<T, Box<dyn Error + Sync + Send>>;

/// A `timestamptz`: microseconds since 2000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Micros(pub(super) i64);

impl Micros {
    const YEAR_2000: i64 = 946_684_800_000;
    const DAY: i64 = 86_400_000_000;

    /// The day, counted from 2000-01-01 UTC.
    pub(super) const fn day(self) -> i64 {
        self.0.div_euclid(Self::DAY)
    }
}

impl From<UnixMillis> for Micros {
    fn from(millis: UnixMillis) -> Self {
        // Years up to 9999 are far from the ends of an i64.
        Self((millis.as_i64() - Self::YEAR_2000) * 1_000)
    }
}

/// A `uuid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Uuid(pub(super) u128);

/// A `jsonb`, already written as text.
#[derive(Debug)]
pub(super) struct Json<'a>(pub(super) &'a str);

impl Json<'_> {
    /// The version that stands before the text.
    pub(super) const VERSION: u8 = 1;
}

impl ToSql for Micros {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Converted<IsNull> {
        out.put_i64(self.0);
        Ok(IsNull::No)
    }
    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl ToSql for Uuid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Converted<IsNull> {
        out.put_u128(self.0);
        Ok(IsNull::No)
    }
    accepts!(UUID);
    to_sql_checked!();
}

impl ToSql for Json<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Converted<IsNull> {
        out.put_u8(Self::VERSION);
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
    accepts!(JSONB);
    to_sql_checked!();
}

impl FromSql<'_> for Micros {
    fn from_sql(_: &Type, raw: &[u8]) -> Converted<Self> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }
    accepts!(TIMESTAMPTZ);
}

impl FromSql<'_> for Uuid {
    fn from_sql(_: &Type, raw: &[u8]) -> Converted<Self> {
        Ok(Self(u128::from_be_bytes(raw.try_into()?)))
    }
    accepts!(UUID);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_2000_and_days_begin_at_midnight() {
        let micros = |millis| Micros::from(UnixMillis::new(millis).unwrap());
        assert_eq!(micros(946_684_800_001), Micros(1_000));
        assert_eq!(micros(946_684_799_999).day(), -1);
        assert_eq!(micros(0).day(), -10_957);
        assert!(micros(UnixMillis::MAX.as_u64()).0 > 0);
    }
}
