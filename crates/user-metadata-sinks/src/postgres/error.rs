use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Error;
use user_metadata_consumer::{BoxError, SinkError};

/// What a database error means for the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Retrying may help: unavailable, busy, full, or it aborted this transaction in a deadlock.
    Passing,
    /// A row of the batch is stored already.
    Duplicate,
    /// A row belongs to no partition.
    NoPartition,
    /// It will never accept one of the rows.
    Row,
    /// Nothing can be written until an operator fixes something.
    Final,
}

impl Meaning {
    pub(super) fn of(error: &Error) -> Self {
        match error.code() {
            Some(code) => Self::of_code(code.code()),
            None if is_of_the_client(error) => Self::Final,
            None => Self::Passing,
        }
    }

    fn of_code(code: &str) -> Self {
        match code {
            "23505" => Self::Duplicate,
            "23514" => Self::NoPartition,
            "54000" => Self::Row,
            // A prepared statement after a change of the tables, and a server that has become
            // read-only after a failover: another connection helps.
            "0A000" | "25006" => Self::Passing,
            _ => match code.get(..2) {
                // `P0` is what a trigger raises.
                Some("22" | "23" | "P0") => Self::Row,
                Some("28" | "3D" | "3F" | "42") => Self::Final,
                _ => Self::Passing,
            },
        }
    }
}

/// Whether the client can't do what the server demands, such as sending a password: retrying does
/// not help. tokio-postgres exposes the kind of its errors by their text alone.
fn is_of_the_client(error: &Error) -> bool {
    let words = error.to_string();
    words == "invalid configuration" || words == "authentication error"
}

/// The database's message, without parts that may quote a row.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Said(String);

impl Said {
    fn of(error: &Error) -> Self {
        let Some(said) = error.as_db_error() else {
            let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| {
                error.source()
            });
            let causes: Vec<_> = causes.map(ToString::to_string).collect();
            let causes = in_one_line(&causes.join(": "));
            if causes.ends_with("password missing") {
                return Self(
                    "the server asks for a password; name the file that has it: \
                     `?password-file=FILE`"
                        .to_owned(),
                );
            }
            return Self(causes);
        };
        let code = said.code().code();
        let message = in_one_line(said.message());
        let remedy = match code {
            "42501" | "3F000" => {
                "; grant the user what it needs, or name a schema of its own: `?schema=NAME`"
            }
            "42P07" => "; name a schema that has no tables of another program: `?schema=NAME`",
            "28P01" | "28000" => {
                "; correct the URL's user or password, or the server's pg_hba.conf"
            }
            "3D000" => "; create it, or name another in the URL",
            _ => "",
        };
        Self(format!("{message} (SQLSTATE {code}){remedy}"))
    }
}

/// Why a row is refused: the code, and the column where it is known. The message may quote the row.
pub(super) fn reason(error: &Error) -> String {
    let Some(said) = error.as_db_error() else {
        return "PostgreSQL refuses it".to_owned();
    };
    let code = said.code().code();
    let column = said.where_().and_then(|at| at.rsplit_once(", column "));
    match column {
        Some((_, column)) => {
            let column: String = column
                .chars()
                .take_while(|character| character.is_ascii_alphanumeric() || *character == '_')
                .collect();
            format!("PostgreSQL refuses it (SQLSTATE {code}, column {column})")
        }
        None => format!("PostgreSQL refuses it (SQLSTATE {code})"),
    }
}

/// The line of a COPY at which it failed, from 1.
pub(super) fn line(error: &Error) -> Option<usize> {
    let at = error.as_db_error()?.where_()?;
    let (_, rest) = at.split_once("COPY ")?.1.split_once(", line ")?;
    let digits = rest.find(|character: char| !character.is_ascii_digit());
    rest[..digits.unwrap_or(rest.len())].parse().ok()
}

/// An error that concerns the whole batch.
pub(super) fn sink_error(error: &Error) -> SinkError {
    let said = Said::of(error);
    match Meaning::of(error) {
        Meaning::Final => SinkError::fatal(said),
        // The caller has handled what concerns a single row.
        Meaning::Passing | Meaning::Duplicate | Meaning::NoPartition | Meaning::Row => {
            SinkError::unavailable(said)
        }
    }
}

/// Waits for an answer, but no longer than `limit`.
pub(super) async fn bounded<T>(
    what: &str,
    limit: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, SinkError> {
    match timeout(limit, answer).await {
        Ok(answer) => answer.map_err(|error| sink_error(&error)),
        Err(_) => Err(timed_out(what, limit)),
    }
}

/// The database did not answer within its time.
pub(super) fn timed_out(what: &str, limit: Duration) -> SinkError {
    let error: BoxError = format!("{what} took longer than {limit:?}").into();
    SinkError::unavailable(error)
}

fn in_one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_passes_and_what_concerns_a_row_is_about_that_row() {
        for (code, expected) in [
            ("08006", Meaning::Passing),
            ("57P01", Meaning::Passing),
            ("57014", Meaning::Passing),
            ("53100", Meaning::Passing),
            ("55P03", Meaning::Passing),
            ("40P01", Meaning::Passing),
            ("40001", Meaning::Passing),
            ("XX000", Meaning::Passing),
            ("25006", Meaning::Passing),
            ("23505", Meaning::Duplicate),
            ("23514", Meaning::NoPartition),
            ("22021", Meaning::Row),
            ("22P02", Meaning::Row),
            ("23502", Meaning::Row),
            ("54000", Meaning::Row),
            ("P0001", Meaning::Row),
            ("28P01", Meaning::Final),
            ("3D000", Meaning::Final),
            ("42501", Meaning::Final),
            ("42P01", Meaning::Final),
        ] {
            assert_eq!(Meaning::of_code(code), expected, "{code}");
        }
    }
}
