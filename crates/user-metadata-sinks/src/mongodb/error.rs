use mongodb::error::{Error, ErrorKind, WriteFailure};
use user_metadata_consumer::SinkError;

/// Why a write to MongoDB failed. The message names the remedy where there is one.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("MongoDB is away or busy")]
    Away(#[source] Error),
    #[error("MongoDB did not answer in time")]
    Late,
    #[error("MongoDB is away or busy: {0}")]
    Refused(String),
    #[error("another process writes the same users")]
    Contended,
    #[error("MongoDB refuses the login; correct user, password and `authSource`")]
    Login(#[source] Error),
    #[error("MongoDB refuses; fix what it reports")]
    Ever(#[source] Error),
}

/// Codes for which retrying does not help: no permission, no such command or option, a view in the place of a
/// collection.
const FOR_GOOD: [i32; 10] = [13, 59, 67, 72, 73, 85, 86, 115, 166, 8000];
const LOGIN_FAILED: i32 = 18;
/// Codes that concern one document: bad value, too deep, too large, a field's name, a rule
/// of the collection.
const OF_A_DOCUMENT: [i32; 9] = [2, 14, 15, 16, 52, 57, 121, 10334, 17280];
pub(super) const DUPLICATE: i32 = 11000;

/// Whether the code says that MongoDB will never accept a document.
pub(super) fn is_of_a_document(code: i32) -> bool {
    OF_A_DOCUMENT.contains(&code)
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let code = match &*error.kind {
            ErrorKind::Command(command) => command.code,
            ErrorKind::Write(WriteFailure::WriteError(write)) => write.code,
            ErrorKind::Authentication { .. } => LOGIN_FAILED,
            ErrorKind::InvalidArgument { .. }
            | ErrorKind::InvalidTlsConfig { .. }
            | ErrorKind::IncompatibleServer { .. } => return Self::Ever(error),
            _ => return Self::Away(error),
        };
        match code {
            LOGIN_FAILED => Self::Login(error),
            code if FOR_GOOD.contains(&code) => Self::Ever(error),
            _ => Self::Away(error),
        }
    }
}

impl From<StoreError> for SinkError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Away(_)
            | StoreError::Late
            | StoreError::Refused(_)
            | StoreError::Contended => Self::unavailable(error),
            StoreError::Login(_) | StoreError::Ever(_) => Self::fatal(error),
        }
    }
}
