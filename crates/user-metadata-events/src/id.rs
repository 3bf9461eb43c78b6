use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

use crate::UnixMillis;

/// The text is not a ULID: 26 characters of Crockford's base 32, the first at most `7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ULID (26 characters of Crockford's base 32)")]
pub struct ParseIdError;

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// A [ULID](https://github.com/ulid/spec): 48 bits of milliseconds, 80 random bits; 26
        /// characters as text, sorting by time.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// A fresh id of the moment `at`, from the thread's random generator.
            #[must_use]
            pub fn new(at: UnixMillis) -> Self {
                Self(Ulid::from_datetime(at.into()))
            }

            /// The id of the moment `at` with the low 80 bits of `random`.
            #[must_use]
            pub const fn from_parts(at: UnixMillis, random: u128) -> Self {
                Self(Ulid::from_parts(at.as_u64(), random))
            }

            /// The moment the id was made for.
            ///
            /// An id from elsewhere can name a moment after the year 9999: then
            /// [`UnixMillis::MAX`].
            #[must_use]
            pub fn timestamp(self) -> UnixMillis {
                UnixMillis::new(self.0.timestamp_ms()).unwrap_or(UnixMillis::MAX)
            }

            /// All 128 bits, as a database stores them in a `uuid` column.
            #[must_use]
            pub const fn to_u128(self) -> u128 {
                self.0.0
            }

            /// The id of these 128 bits.
            #[must_use]
            pub const fn from_u128(bits: u128) -> Self {
                Self(Ulid(bits))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.0.array_to_str(&mut [0; ulid::ULID_LEN]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                // The crate lets a first character above 7 overflow; the specification forbids it.
                match text.as_bytes().first() {
                    Some(b'0'..=b'7') => Ulid::from_string(text).map(Self).map_err(|_| ParseIdError),
                    _ => Err(ParseIdError),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.array_to_str(&mut [0; ulid::ULID_LEN]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a ULID")
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

ulid_id! {
    /// Names one event, made once before it is queued: the key by which every reader
    /// deduplicates. Its time is the event's `timestamp`.
    EventId
}
ulid_id! {
    /// Names one connection. Its time is the moment of the upgrade.
    ClientId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bits_round_trip_and_carry_the_time() {
        let at = UnixMillis::new(1_763_856_000_123).unwrap();
        let id = EventId::new(at);
        assert_eq!(id.timestamp(), at);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(EventId::from_u128(id.to_u128()), id);
        assert_ne!(EventId::new(at), id, "80 random bits repeat");
    }

    #[test]
    fn what_is_no_ulid_is_refused() {
        for text in [
            "",
            "123",
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "01JD9Z3V8KU000000000000000",
        ] {
            assert_eq!(text.parse::<EventId>(), Err(ParseIdError), "{text}");
        }
    }

    #[test]
    fn ids_sort_by_time() {
        let first = ClientId::from_parts(UnixMillis::new(1).unwrap(), u128::MAX);
        let second = ClientId::from_parts(UnixMillis::new(2).unwrap(), 0);
        assert!(first < second && first.to_string() < second.to_string());
    }
}
