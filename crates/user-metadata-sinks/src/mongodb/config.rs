use std::path::PathBuf;
use std::time::Duration;

use mongodb::Client;
use mongodb::options::{Acknowledgment, ClientOptions, ConnectionString, WriteConcern};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::StoreError;
use crate::secret::Secret;
use crate::url::{OF_THE_MONGODB_DRIVER, Options};
use crate::{ParseSinkError, SecretError};

/// Where MongoDB is, and how long it keeps events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MongoConfig {
    /// It may contain a password.
    uri: Secret,
    pub(super) database: String,
    password_file: Option<PathBuf>,
    pub(super) keep: Option<Duration>,
}

/// Characters with a meaning in a URL.
const SPECIAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// How long it may take to connect, and to find a server that accepts writes.
const CONNECT: Duration = Duration::from_secs(5);

impl MongoConfig {
    /// Reads what stands between the scheme and the options.
    pub(crate) fn parse(path: &str, options: &mut Options) -> Result<Self, ParseSinkError> {
        let wrong = |problem| ParseSinkError::Path {
            scheme: "mongodb",
            problem,
        };
        let mut uri = format!("mongodb:{path}");
        let mut separator = '?';
        for key in OF_THE_MONGODB_DRIVER.iter().copied() {
            let given = options.take(key, "must not be empty", |text| {
                (!text.is_empty()).then(|| utf8_percent_encode(text, SPECIAL).to_string())
            })?;
            if let Some(value) = given {
                uri.push(separator);
                uri.push_str(key);
                uri.push('=');
                uri.push_str(&value);
                separator = '&';
            }
        }
        let parsed = ConnectionString::parse(&uri).map_err(|_| {
            wrong("needs servers and a database, e.g. `mongodb://localhost:27017/user_metadata`")
        })?;
        let database = parsed.default_database.ok_or_else(|| {
            wrong("needs a database, e.g. `mongodb://localhost:27017/user_metadata`")
        })?;
        let password_file = options.path("password-file", "must be the path of a file")?;
        let has_password =
            |credential: &mongodb::options::Credential| credential.password.is_some();
        if password_file.is_some() && parsed.credential.as_ref().is_some_and(has_password) {
            return Err(wrong("has a password and `password-file`; leave one out"));
        }
        if password_file.is_some() && parsed.credential.is_none() {
            return Err(wrong(
                "has `password-file`, and no user; write `mongodb://USER@…`",
            ));
        }
        let keep = options.duration(
            "keep",
            "must be a time of at least 1h, e.g. `90d`",
            Duration::from_secs(3_600)..=Duration::MAX,
        )?;
        Ok(Self {
            uri: Secret::from(uri),
            database,
            password_file,
            keep,
        })
    }

    /// Reads the file that the options name.
    pub(super) fn password(&self) -> Result<Option<Secret>, SecretError> {
        self.password_file.as_deref().map(Secret::read).transpose()
    }

    /// A client, which connects when it is used.
    pub(super) async fn client(&self, password: Option<&Secret>) -> Result<Client, StoreError> {
        let parsed = ClientOptions::parse(self.uri.reveal()).await;
        let mut options = parsed.map_err(StoreError::from)?;
        if let (Some(credential), Some(password)) = (&mut options.credential, password) {
            credential.password = Some(password.reveal().to_owned());
        }
        options.app_name = Some("user-metadata".to_owned());
        options.connect_timeout = Some(CONNECT);
        options.server_selection_timeout = Some(CONNECT);
        // Stored means on the disk of a majority of the servers.
        let concern = WriteConcern::builder();
        let concern = concern.w(Acknowledgment::Majority).journal(true).build();
        options.write_concern = Some(concern);
        Client::with_options(options).map_err(StoreError::from)
    }
}
