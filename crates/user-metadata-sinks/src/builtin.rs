use user_metadata_consumer::{Delivery, Rejection, Sink, SinkError};

use crate::url::Target;
use crate::{IpFilter, IpPrivacy, OpenError};

/// Any of the built-in sinks, opened; made by [`SinkUrl::open`](crate::SinkUrl::open).
#[derive(Debug)]
pub struct BuiltinSink(IpFilter<Opened>);

impl BuiltinSink {
    pub(crate) fn open(target: &Target, ip: IpPrivacy) -> Result<Self, OpenError> {
        let opened = Opened::open(target)?;
        Ok(Self(IpFilter::new(ip, opened)))
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

/// One line per sink: its feature (named like the scheme), its type, and how it is opened.
macro_rules! sinks {
    ($($feature:literal: $name:ident($sink:ty), $target:pat => $open:expr;)*) => {
        #[derive(Debug)]
        enum Opened {
            $(#[cfg(feature = $feature)] $name(Box<$sink>),)*
        }

        impl Opened {
            fn open(target: &Target) -> Result<Self, OpenError> {
                match target {
                    $(
                        #[cfg(feature = $feature)]
                        $target => $open.map(|sink| Self::$name(Box::new(sink))),
                        #[cfg(not(feature = $feature))]
                        Target::$name { .. } => Err(OpenError::NotBuiltIn { scheme: $feature }),
                    )*
                }
            }
        }

        // Boxed, so that no sink's future has the size of the largest one.
        impl Sink for Opened {
            async fn prepare(&mut self) -> Result<(), SinkError> {
                match *self {
                    $(#[cfg(feature = $feature)] Self::$name(ref mut sink) => Box::pin(sink.prepare()).await,)*
                }
            }

            #[allow(unused_variables, reason = "a build without sinks writes nothing")]
            async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
                match *self {
                    $(#[cfg(feature = $feature)] Self::$name(ref mut sink) => Box::pin(sink.write(batch)).await,)*
                }
            }
        }
    };
}

sinks! {
    "stdout": Stdout(crate::NdjsonSink), Target::Stdout =>
        crate::NdjsonSink::stdout().map_err(OpenError::Start);
    "sqlite": Sqlite(crate::SqliteSink), Target::Sqlite(path, tables) =>
        crate::SqliteSink::open_with(path, *tables);
    "postgres": Postgres(crate::postgres::PostgresSink), Target::Postgres(url) =>
        crate::postgres::PostgresSink::open(url);
    "redis": Redis(crate::RedisSink), Target::Redis(config) => crate::RedisSink::open(config);
    "mongodb": Mongo(crate::MongoSink), Target::Mongo(config) => crate::MongoSink::open(config);
    "file": File(crate::FileSink), Target::File(target) => crate::FileSink::open_target(target);
    "webhook": Webhook(crate::http::HttpSink<crate::webhook::Webhook>),
        Target::Webhook(target) => crate::webhook::Webhook::open(target);
    "segment": Segment(crate::http::HttpSink<crate::segment::Segment>),
        Target::Segment(target) => crate::segment::Segment::open(target);
    "mixpanel": Mixpanel(crate::http::HttpSink<crate::mixpanel::Mixpanel>),
        Target::Mixpanel(target) => crate::mixpanel::Mixpanel::open(target);
    "amplitude": Amplitude(crate::http::HttpSink<crate::amplitude::Amplitude>),
        Target::Amplitude(target) => crate::amplitude::Amplitude::open(target);
    "posthog": Posthog(crate::http::HttpSink<crate::posthog::Posthog>),
        Target::Posthog(target) => crate::posthog::Posthog::open(target);
    "ga4": Ga4(crate::http::HttpSink<crate::ga4::Ga4>),
        Target::Ga4(target) => crate::ga4::Ga4::open(target);
}
