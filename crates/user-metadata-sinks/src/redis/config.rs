use std::path::PathBuf;
use std::time::Duration;

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    TlsCertificates,
};

use super::keys::Keys;
use crate::secret::Secret;
use crate::url::Options;
use crate::{OpenError, ParseSinkError, TrustError};

/// Where Redis is, and how its keys are named and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedisConfig {
    host: String,
    port: u16,
    has_tls: bool,
    database: i64,
    username: Option<String>,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    pub(super) keys: Keys,
    pub(super) ttl: Duration,
    pub(super) window: Duration,
    pub(super) day_ttl: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl RedisConfig {
    /// Reads what stands between the scheme and the options.
    pub(crate) fn parse(
        scheme: &'static str,
        path: &str,
        options: &mut Options,
    ) -> Result<Self, ParseSinkError> {
        let wrong = |problem| ParseSinkError::Path { scheme, problem };
        // A fragment of `insecure` would turn off what TLS is for.
        let is_url = path.starts_with("//") && !path.contains('#');
        let info = is_url
            .then(|| format!("{scheme}:{path}").into_connection_info())
            .and_then(Result::ok)
            .ok_or_else(|| wrong("needs a server, e.g. `redis://localhost:6379/0`; write `%40` for an `@` in a password"))?;
        let (host, port, has_tls) = match info.addr() {
            ConnectionAddr::Tcp(host, port) => (host.clone(), *port, false),
            ConnectionAddr::TcpTls { host, port, .. } => (host.clone(), *port, true),
            _ => return Err(wrong("needs a host, e.g. `redis://localhost:6379/0`")),
        };
        let settings = info.redis_settings();
        let password = settings
            .password()
            .map(|text| Secret::from(text.to_owned()));
        let password_file = options.path("password-file", "must be the path of a file")?;
        if password.is_some() && password_file.is_some() {
            return Err(wrong("has a password and `password-file`; leave one out"));
        }
        let mut time = |key, default| {
            let problem = "must be a time of at least 1s, e.g. `15m`, `12h` or `30d`";
            let time = options.duration(key, problem, Duration::from_secs(1)..=36_500 * DAY)?;
            Ok::<_, ParseSinkError>(time.unwrap_or(default))
        };
        let (ttl, window) = (time("ttl", 30 * DAY)?, time("window", DAY / 96)?);
        let day_ttl = time("day-ttl", 400 * DAY)?;
        let prefix = options.take("prefix", "must be text without spaces", prefix_of)?;
        Ok(Self {
            host,
            port,
            has_tls,
            database: settings.db(),
            username: settings.username().map(str::to_owned),
            password,
            password_file,
            ca: options.path("ca", "must be the path of a file")?,
            keys: Keys::new(prefix.unwrap_or_else(|| "um:".to_owned())),
            ttl,
            window,
            day_ttl,
        })
    }

    /// A client, which has not connected yet. Reads the files that the options name.
    pub(super) fn client(&self) -> Result<Client, OpenError> {
        let mut settings = RedisConnectionInfo::default()
            .set_db(self.database)
            .set_lib_name("user-metadata", env!("CARGO_PKG_VERSION"));
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        let of_file = self.password_file.as_deref().map(Secret::read);
        let password = of_file.transpose()?.or_else(|| self.password.clone());
        if let Some(password) = password {
            settings = settings.set_password(password.reveal());
        }
        let info = self.address().into_connection_info();
        let info = info.map(|info| info.set_redis_settings(settings));
        let root_cert = self.ca.as_ref().map(|path| {
            std::fs::read(path).map_err(|source| TrustError::Certificate {
                path: path.clone(),
                source: source.into(),
            })
        });
        let root_cert = root_cert.transpose()?;
        info.and_then(|info: ConnectionInfo| {
            if self.has_tls {
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert,
                };
                Client::build_with_tls(info, certificates)
            } else {
                Client::open(info)
            }
        })
        .map_err(|error| OpenError::Client(error.into()))
    }

    fn address(&self) -> ConnectionAddr {
        let (host, port) = (self.host.clone(), self.port);
        if self.has_tls {
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }
}

fn prefix_of(text: &str) -> Option<String> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace();
    (!text.contains(is_odd)).then(|| text.to_owned())
}
