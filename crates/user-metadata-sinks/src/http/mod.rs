//! Shared by all sinks that post JSON over HTTP. A vendor is a [`Platform`]: what an event looks
//! like, how much fits into a request, and what a response means.
#![cfg_attr(
    not(all(
        feature = "segment",
        feature = "mixpanel",
        feature = "amplitude",
        feature = "posthog",
        feature = "ga4"
    )),
    allow(dead_code, unused_imports, reason = "each vendor takes what it needs")
)]

mod answer;
#[cfg(any(feature = "segment", feature = "mixpanel"))]
mod basic;
mod client;
mod dialer;
mod endpoint;
mod event;
mod json;
mod platform;
mod sink;
mod trust;

pub(crate) use answer::{Answer, in_one_line};
#[cfg(any(feature = "segment", feature = "mixpanel"))]
pub(crate) use basic::basic;
pub(crate) use endpoint::Endpoint;
pub(crate) use event::{JOINED, Parts, Uuid, address, locatable, network};
pub(crate) use json::{compact, cut};
pub(crate) use platform::{Entry, Limits, Platform, Verdict};
pub(crate) use sink::HttpSink;
