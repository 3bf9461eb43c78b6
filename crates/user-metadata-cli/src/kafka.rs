use std::path::{Path, PathBuf};

use clap::ValueEnum;
use user_metadata_kafka::{
    KafkaOptions, OptionsError, SaslMechanism, SaslOptions, Secret, TlsOptions,
};

use crate::FlagError;

/// The flags of both programs for TLS and the login at Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct KafkaArgs {
    /// Connect to the brokers with TLS; their certificates and names are always verified
    #[arg(long, env = "USER_METADATA_KAFKA_TLS")]
    pub kafka_tls: bool,
    /// PEM file of the certificate authorities to trust [default: the system's]
    #[arg(long, env = "USER_METADATA_KAFKA_CA", value_name = "FILE")]
    pub kafka_ca: Option<PathBuf>,
    /// PEM file of the client certificate, followed by its chain
    #[arg(long, env = "USER_METADATA_KAFKA_CERT", value_name = "FILE")]
    pub kafka_cert: Option<PathBuf>,
    /// PEM file of the client certificate's key
    #[arg(long, env = "USER_METADATA_KAFKA_KEY", value_name = "FILE")]
    pub kafka_key: Option<PathBuf>,
    /// Mechanism to log in at the brokers
    #[arg(long, env = "USER_METADATA_KAFKA_SASL", value_enum)]
    pub kafka_sasl: Option<SaslKind>,
    /// The user to log in as
    #[arg(long, env = "USER_METADATA_KAFKA_USERNAME", value_name = "NAME")]
    pub kafka_username: Option<String>,
    /// File with the user's password
    #[arg(long, env = "USER_METADATA_KAFKA_PASSWORD_FILE", value_name = "FILE")]
    pub kafka_password_file: Option<PathBuf>,
}

/// What `--kafka-sasl` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SaslKind {
    /// Sends the password: only with TLS
    Plain,
    /// Sends a proof of knowing the password
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// The same with SHA-512
    #[value(name = "scram-sha-512")]
    ScramSha512,
}

impl KafkaArgs {
    /// The flags that are set.
    pub(crate) fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            ("kafka-tls", self.kafka_tls),
            ("kafka-ca", self.kafka_ca.is_some()),
            ("kafka-cert", self.kafka_cert.is_some()),
            ("kafka-key", self.kafka_key.is_some()),
            ("kafka-sasl", self.kafka_sasl.is_some()),
            ("kafka-username", self.kafka_username.is_some()),
            ("kafka-password-file", self.kafka_password_file.is_some()),
        ]
        .into_iter()
        .filter_map(|(flag, is_given)| is_given.then_some(flag))
    }

    /// Adds TLS and the login to the options; reads the files.
    pub(crate) fn secure(&self, mut options: KafkaOptions) -> Result<KafkaOptions, FlagError> {
        if let Some(tls) = self.tls()? {
            // The producing client cuts the address at its first colon.
            if let Some(broker) = options.brokers().iter().find(|name| name.starts_with('[')) {
                let problem = format!(
                    "`{broker}` can't be verified by TLS; write its host name, e.g. kafka-1:9092"
                );
                return Err(FlagError::new("brokers", problem));
            }
            options = options.with_tls(tls);
        }
        if let Some(sasl) = self.sasl()? {
            options = options.with_sasl(sasl);
        }
        Ok(options)
    }

    fn tls(&self) -> Result<Option<TlsOptions>, FlagError> {
        if !self.kafka_tls {
            let mut needing = self.given();
            let needing =
                needing.find(|flag| ["kafka-ca", "kafka-cert", "kafka-key"].contains(flag));
            return needing.map_or(Ok(None), |flag| {
                Err(FlagError::new(flag, "it needs TLS; add --kafka-tls"))
            });
        }
        let tls = match &self.kafka_ca {
            Some(path) => TlsOptions::with_ca(read("kafka-ca", path)?)?,
            None => TlsOptions::with_system_roots().map_err(|error| {
                FlagError::new("kafka-tls", format!("{error} with --kafka-ca FILE"))
            })?,
        };
        match (&self.kafka_cert, &self.kafka_key) {
            (None, None) => Ok(Some(tls)),
            (Some(certificate), Some(key)) => {
                let certificate = read("kafka-cert", certificate)?;
                let key = text("kafka-key", key)?;
                Ok(Some(
                    tls.with_client_certificate(certificate, Secret::new(key))?,
                ))
            }
            (Some(_), None) => Err(FlagError::new(
                "kafka-cert",
                "the certificate needs its key; add --kafka-key FILE",
            )),
            (None, Some(_)) => Err(FlagError::new(
                "kafka-key",
                "the key needs its certificate; add --kafka-cert FILE",
            )),
        }
    }

    fn sasl(&self) -> Result<Option<SaslOptions>, FlagError> {
        let Some(kind) = self.kafka_sasl else {
            let mut needing = self.given();
            let needing =
                needing.find(|flag| ["kafka-username", "kafka-password-file"].contains(flag));
            return needing.map_or(Ok(None), |flag| {
                let problem = "it needs a login; add e.g. --kafka-sasl scram-sha-512";
                Err(FlagError::new(flag, problem))
            });
        };
        let missing = |what| {
            let problem = format!("a login needs a username and a password; add {what}");
            FlagError::new("kafka-sasl", problem)
        };
        let username = self.kafka_username.clone();
        let username = username.ok_or_else(|| missing("--kafka-username NAME"))?;
        let path = self.kafka_password_file.as_deref();
        let path = path.ok_or_else(|| missing("--kafka-password-file FILE"))?;
        let password = text("kafka-password-file", path)?;
        // An editor ends a file with a line break.
        let password = password.strip_suffix('\n').unwrap_or(&password);
        let password = password.strip_suffix('\r').unwrap_or(password);
        let mechanism = match kind {
            SaslKind::Plain => SaslMechanism::Plain,
            SaslKind::ScramSha256 => SaslMechanism::ScramSha256,
            SaslKind::ScramSha512 => SaslMechanism::ScramSha512,
        };
        let sasl = SaslOptions::new(mechanism, username, Secret::new(password))?;
        Ok(Some(sasl))
    }
}

/// A warning to log before anything is sent.
pub(crate) fn warning(options: &KafkaOptions) -> Option<&'static str> {
    let sasl = options.sasl()?;
    let in_clear = options.tls().is_none() && sasl.mechanism() == SaslMechanism::Plain;
    in_clear.then_some(
        "--kafka-sasl plain without --kafka-tls: anybody on the network path to Kafka can read the \
         password; add --kafka-tls",
    )
}

/// The flag that sets an option.
pub(crate) const fn flag(error: &OptionsError) -> Option<&'static str> {
    Some(match error {
        OptionsError::Username => "kafka-username",
        OptionsError::Password => "kafka-password-file",
        OptionsError::Ca(_) => "kafka-ca",
        OptionsError::ClientCertificate(_) => "kafka-cert",
        OptionsError::ClientKey(_) => "kafka-key",
        _ => return None,
    })
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, FlagError> {
    std::fs::read(path).map_err(|error| {
        let path = path.display();
        FlagError::new(
            flag,
            format!("{path}: {error}; use a file that can be read"),
        )
    })
}

fn text(flag: &'static str, path: &Path) -> Result<String, FlagError> {
    // The error would show bytes of a secret.
    String::from_utf8(read(flag, path)?)
        .map_err(|_| FlagError::new(flag, format!("{}: not UTF-8 text", path.display())))
}
