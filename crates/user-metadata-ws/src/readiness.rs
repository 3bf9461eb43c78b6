use std::sync::Weak;

use serde_json::{Value, json};

use crate::shared::Shared;

/// Whether a server is ready for joins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// Everything works.
    Ready,
    /// Joins work, but their events wait. The reason is text for people.
    Degraded(String),
    /// It closes its connections and takes no new ones.
    Draining,
}

impl Readiness {
    /// The body of `/readyz`: `{"status":"ready|degraded|draining","reasons":[…]}`.
    pub(crate) fn to_json(&self) -> Value {
        let (status, reasons) = match self {
            Self::Ready => ("ready", vec![]),
            Self::Degraded(reason) => ("degraded", vec![reason.as_str()]),
            Self::Draining => ("draining", vec![]),
        };
        json!({ "status": status, "reasons": reasons })
    }
}

/// Observes a [`Server`](crate::Server) without keeping it alive: once the server has ended, it
/// reports that it is draining and has no connections.
#[derive(Debug, Clone)]
pub struct ServerStatus {
    shared: Weak<Shared>,
}

impl ServerStatus {
    pub(crate) const fn new(shared: Weak<Shared>) -> Self {
        Self { shared }
    }

    /// Whether the server is ready for joins.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.shared
            .upgrade()
            .map_or(Readiness::Draining, |shared| shared.readiness())
    }

    /// How many WebSocket connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared
            .upgrade()
            .map_or(0, |shared| shared.sessions.len())
    }
}
