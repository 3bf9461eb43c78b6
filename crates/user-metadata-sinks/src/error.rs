use std::io;
use std::path::PathBuf;

use user_metadata_consumer::BoxError;

/// What is wrong with a sink's URL. The message names the remedy, and no value that could be a
/// secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseSinkError {
    /// There is no known scheme before the first colon.
    #[error("{found}; write one of {known}")]
    Scheme {
        /// What was found instead.
        found: String,
        /// The known schemes.
        known: String,
    },
    /// The part between the scheme and the options is invalid.
    #[error("`{scheme}:` {problem}")]
    Path {
        /// The scheme.
        scheme: &'static str,
        /// What is wrong, and what is valid.
        problem: &'static str,
    },
    /// There is no such option.
    #[error("`{scheme}:` has no option{key}; it takes {known}")]
    UnknownOption {
        /// The scheme.
        scheme: &'static str,
        /// The option in backquotes, or empty if it could be a secret.
        key: String,
        /// The known options.
        known: String,
    },
    /// An option has an invalid value.
    #[error("`{scheme}:` option `{key}` {problem}")]
    Option {
        /// The scheme.
        scheme: &'static str,
        /// The option.
        key: &'static str,
        /// What is wrong, and what is valid.
        problem: &'static str,
    },
}

/// Why a sink can't be opened. Retrying won't help until something is fixed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The sink is not part of this build.
    #[error("`{scheme}:` is not part of this build; build it with the cargo feature `{scheme}`")]
    NotBuiltIn {
        /// The scheme, and the feature.
        scheme: &'static str,
    },
    /// The file that it writes can't be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its password or token can't be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The certificates that it trusts can't be loaded.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The database client can't be built from the URL and its files.
    #[error("the connection can't be set up; correct the URL, or the certificate file")]
    Client(#[source] BoxError),
    /// The address of a sink is not a URL.
    #[error("the address is not a URL; write e.g. `https://host.example/path`")]
    Address,
    /// The environment names a proxy of an unsupported kind.
    #[error(
        "`HTTPS_PROXY` or `ALL_PROXY` names a proxy of another kind than `http://host:port`; name \
         one of that kind, or except the sink's host with `NO_PROXY`"
    )]
    Proxy,
    /// The operating system provides no thread for writing, or no handle to standard output.
    #[error("the sink can't start")]
    Start(#[source] io::Error),
}

/// Why a file that a sink writes can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file was written by a newer version of this software.
    #[error(
        "{} has schema version {found}, and this version knows up to {supported}; \
         use a newer version, or another file",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i32,
        /// The newest supported version.
        supported: i32,
    },
    /// The file is something else.
    #[error(
        "{} is not a file of this sink; move it away, or name another file",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file can't be written.
    #[error("{} is read-only; allow this user to write it, or name another file", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The directory or the file can't be created.
    #[error("{} can't be created", path.display())]
    Create {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The database refuses to open it.
    #[error("{} can't be opened", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The database's error.
        #[source]
        source: BoxError,
    },
    /// Another process writes the file.
    #[error("{} is written by another process; name another file", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
}

/// Why a password or a token can't be read from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file with a password or a token can't be read.
    #[error("the secret in {} can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The file holds no password or token.
    #[error("{} must hold one line, the secret", path.display())]
    Text {
        /// The file.
        path: PathBuf,
    },
    /// The secret can't be used.
    #[error("the secret in {} {problem}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what is valid.
        problem: &'static str,
    },
}

/// Why the certificates that a sink trusts can't be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file with the trusted certificates can't be read.
    #[error("the certificates in {} can't be read", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
    /// The operating system has no trusted certificates.
    #[error(
        "this system trusts no certificate authority: install its certificates (on Debian the \
         package `ca-certificates`), or name a file with the option `ca` (PostgreSQL: `sslrootcert`)"
    )]
    NoSystemRoots,
    /// TLS can't be set up.
    #[error("TLS can't be set up")]
    Tls(#[source] BoxError),
}
