use user_metadata_consumer::{Delivery, Rejection, Sink, SinkError};

use crate::url::Target;
use crate::{IpFilter, IpPrivacy, OpenError};

/// Any of the built-in sinks, opened; made by [`SinkUrl::open`](crate::SinkUrl::open).
#[derive(Debug)]
pub struct BuiltinSink(IpFilter<Opened>);

#[derive(Debug)]
enum Opened {
    #[cfg(feature = "stdout")]
    Stdout(crate::NdjsonSink),
    #[cfg(feature = "sqlite")]
    Sqlite(crate::SqliteSink),
    #[cfg(feature = "postgres")]
    Postgres(Box<crate::postgres::PostgresSink>),
    #[cfg(feature = "redis")]
    Redis(Box<crate::RedisSink>),
    #[cfg(feature = "mongodb")]
    Mongo(Box<crate::MongoSink>),
}

impl BuiltinSink {
    pub(crate) fn open(target: &Target, ip: IpPrivacy) -> Result<Self, OpenError> {
        let opened = match target {
            #[cfg(feature = "stdout")]
            Target::Stdout => crate::NdjsonSink::stdout()
                .map(Opened::Stdout)
                .map_err(OpenError::Start),
            #[cfg(feature = "sqlite")]
            Target::Sqlite(path, tables) => {
                crate::SqliteSink::open_with(path, *tables).map(Opened::Sqlite)
            }
            #[cfg(feature = "postgres")]
            Target::Postgres(url) => crate::postgres::PostgresSink::open(url)
                .map(|sink| Opened::Postgres(Box::new(sink))),
            #[cfg(not(feature = "stdout"))]
            Target::Stdout => Err(OpenError::NotBuiltIn { scheme: "stdout" }),
            #[cfg(not(feature = "sqlite"))]
            Target::Sqlite(..) => Err(OpenError::NotBuiltIn { scheme: "sqlite" }),
            #[cfg(not(feature = "postgres"))]
            Target::Postgres(_) => Err(OpenError::NotBuiltIn { scheme: "postgres" }),
            #[cfg(feature = "redis")]
            Target::Redis(config) => crate::RedisSink::open(config)
                .map(Box::new)
                .map(Opened::Redis),
            #[cfg(feature = "mongodb")]
            Target::Mongo(config) => crate::MongoSink::open(config)
                .map(Box::new)
                .map(Opened::Mongo),
            #[cfg(not(feature = "redis"))]
            Target::Redis => Err(OpenError::NotBuiltIn { scheme: "redis" }),
            #[cfg(not(feature = "mongodb"))]
            Target::Mongo => Err(OpenError::NotBuiltIn { scheme: "mongodb" }),
        };
        opened.map(|opened| Self(IpFilter::new(ip, opened)))
    }
}

impl Sink for BuiltinSink {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        self.0.prepare().await
    }

    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        self.0.write(batch).await
    }
}

#[cfg_attr(
    not(any(
        feature = "stdout",
        feature = "sqlite",
        feature = "postgres",
        feature = "redis",
        feature = "mongodb"
    )),
    allow(unused_variables, reason = "there is no sink to write to")
)]
impl Sink for Opened {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        match *self {
            #[cfg(feature = "stdout")]
            Self::Stdout(ref mut sink) => sink.prepare().await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(ref mut sink) => sink.prepare().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(ref mut sink) => sink.prepare().await,
            #[cfg(feature = "redis")]
            Self::Redis(ref mut sink) => sink.prepare().await,
            #[cfg(feature = "mongodb")]
            Self::Mongo(ref mut sink) => sink.prepare().await,
        }
    }

    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        match *self {
            #[cfg(feature = "stdout")]
            Self::Stdout(ref mut sink) => sink.write(batch).await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(ref mut sink) => sink.write(batch).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(ref mut sink) => sink.write(batch).await,
            #[cfg(feature = "redis")]
            Self::Redis(ref mut sink) => sink.write(batch).await,
            #[cfg(feature = "mongodb")]
            Self::Mongo(ref mut sink) => sink.write(batch).await,
        }
    }
}
