use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::options::Options;
use super::percent;
use crate::ParseSinkError;
use crate::secret::Secret;
use crate::tables::Tables;

/// A PostgreSQL database, and how to write to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresUrl {
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) password_file: Option<PathBuf>,
    /// A name, an address, or the folder of a socket.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) ssl_mode: SslMode,
    pub(crate) ssl_root_cert: Option<PathBuf>,
    /// `None`: the first of the user's `search_path`.
    pub(crate) schema: Option<String>,
    pub(crate) connections: NonZeroUsize,
    pub(crate) tables: Tables,
    pub(crate) index_ip: bool,
    /// `None`: as the database has it.
    pub(crate) keep: Option<Keep>,
    /// `None`: as the database has it.
    pub(crate) partition: Option<&'static str>,
    /// How long one transaction may take.
    pub(crate) timeout: Duration,
}

/// How long events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Days(i32),
    Forever,
}

/// As libpq has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SslMode {
    Disable,
    /// Encrypted where the server can.
    #[default]
    Prefer,
    /// Encrypted; the server is verified only if a root certificate is given.
    Require,
    /// Encrypted, the server's certificate and name verified.
    VerifyFull,
}

/// In seconds.
const DAY: u64 = 24 * 60 * 60;

impl PostgresUrl {
    const TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

    pub(super) const OPTIONS: [&str; 11] = [
        "password-file",
        "sslmode",
        "sslrootcert",
        "schema",
        "connections",
        "users",
        "sessions",
        "index",
        "keep",
        "partition",
        "timeout",
    ];

    /// Reads the part after the scheme's colon.
    pub(super) fn read(rest: &str, options: &mut Options) -> Result<Self, ParseSinkError> {
        let server = Server::read(rest).map_err(|problem| ParseSinkError::Path {
            scheme: "postgres",
            problem,
        })?;
        let has_password = server.password.is_some();
        let no_password = "must name a file, and the URL must have no password then";
        let password_file = options.path("password-file", no_password)?;
        if password_file.is_some() && has_password {
            return Err(ParseSinkError::Option {
                scheme: "postgres",
                key: "password-file",
                problem: no_password,
            });
        }
        let number = |text: &str| text.parse().ok().filter(|number| (1..=16).contains(number));
        let connections = options.take("connections", "must be a number from 1 to 16", number)?;
        Ok(Self {
            user: server.user,
            password: server.password,
            password_file,
            host: server.host,
            port: server.port,
            database: server.database,
            ssl_mode: options
                .take(
                    "sslmode",
                    "must be `disable`, `prefer`, `require` or `verify-full`",
                    ssl_mode,
                )?
                .unwrap_or_default(),
            ssl_root_cert: options.path("sslrootcert", "must name a file of PEM")?,
            schema: options.take("schema", "must be a name of up to 63 bytes", |name| {
                (1..64).contains(&name.len()).then(|| name.to_owned())
            })?,
            connections: connections
                .and_then(NonZeroUsize::new)
                .unwrap_or(const { NonZeroUsize::new(2).unwrap() }),
            tables: options.tables()?,
            index_ip: options
                .take("index", "must be `ip`", |index| {
                    (index == "ip").then_some(true)
                })?
                .unwrap_or(false),
            keep: options.take("keep", "must be days, e.g. `400d`, or `off`", keep)?,
            partition: options.take("partition", "must be `month` or `day`", partition)?,
            timeout: options
                .duration(
                    "timeout",
                    "must be e.g. `30s`, up to an hour",
                    Self::TIMEOUTS,
                )?
                .unwrap_or(Duration::from_secs(30)),
        })
    }
}

struct Server {
    user: String,
    password: Option<Secret>,
    host: String,
    port: u16,
    database: String,
}

impl Server {
    /// Reads `//USER[:PASSWORD]@HOST[:PORT]/DATABASE`. Its errors quote nothing.
    fn read(rest: &str) -> Result<Self, &'static str> {
        const USAGE: &str = "must be `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; in its parts \
            write `%40` for `@`, `%2F` for `/`, `%3F` for `?` and `%25` for `%`";
        let rest = rest.strip_prefix("//").ok_or(USAGE)?;
        let (authority, database) = rest.split_once('/').ok_or(USAGE)?;
        let (login, address) = authority.rsplit_once('@').ok_or(USAGE)?;
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        let (host, port) = split_port(address).ok_or(USAGE)?;
        let decode = |text| percent::decode(text).ok_or(USAGE);
        let named =
            |text| decode(text).and_then(|name| (!name.is_empty()).then_some(name).ok_or(USAGE));
        let password = password.map(decode).transpose()?;
        Ok(Self {
            user: named(user)?,
            password: password.filter(|text| !text.is_empty()).map(Secret::from),
            host: named(host)?,
            port,
            database: named(database)?,
        })
    }
}

/// `host`, `host:5432` or `[::1]:5432`.
fn split_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    match port {
        "" => Some((host, 5432)),
        port => Some((host, port.strip_prefix(':')?.parse().ok()?)),
    }
}

fn ssl_mode(text: &str) -> Option<SslMode> {
    match text {
        "disable" => Some(SslMode::Disable),
        "prefer" => Some(SslMode::Prefer),
        "require" => Some(SslMode::Require),
        "verify-full" => Some(SslMode::VerifyFull),
        _ => None,
    }
}

fn partition(text: &str) -> Option<&'static str> {
    ["month", "day"].into_iter().find(|unit| *unit == text)
}

fn keep(text: &str) -> Option<Keep> {
    if text == "off" {
        return Some(Keep::Forever);
    }
    let seconds = humantime::parse_duration(text).ok()?.as_secs();
    let days = i32::try_from(seconds / DAY).ok()?;
    ((1..=36_500).contains(&days) && seconds % DAY == 0).then_some(Keep::Days(days))
}
