use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use crate::environment::is_ci;

/// The environment variable with the path of the file to which each skipped test adds a line.
pub const SKIPS: &str = "USER_METADATA_SKIPS";

/// Something that a test needs and this machine does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    what: String,
    remedy: String,
}

impl Missing {
    /// `what` is missing; `remedy` says how to get it.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// Records a skipped test for `cargo xtask test` to count. With `CI=true` nothing may be missing,
    /// and it panics.
    pub fn skip(&self, test: &str) {
        assert!(!is_ci(), "{test} needs {self}");
        eprintln!("skipped: {test} needs {self}");
        let Some(path) = std::env::var_os(SKIPS) else {
            return;
        };
        let skips = OpenOptions::new().create(true).append(true).open(path);
        let written =
            skips.and_then(|mut file| file.write_all(format!("{}\n", self.what).as_bytes()));
        assert!(written.is_ok(), "a skip could not be recorded: {written:?}");
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.remedy)
    }
}

/// Unwraps a `Result<_, Missing>`; if something is missing, the test returns and is counted as
/// skipped. With `CI=true` it fails instead.
///
/// ```
/// use user_metadata_testing::{require, tool};
/// fn a_test() {
///     let java = require!(tool("java", "install a Java runtime"));
///     assert!(java.is_absolute());
/// }
/// ```
#[macro_export]
macro_rules! require {
    ($needed:expr) => {
        match $needed {
            Ok(found) => found,
            Err(missing) => {
                missing.skip(concat!(module_path!(), ", line ", line!()));
                return;
            }
        }
    };
}

/// Finds a program on the `PATH`.
///
/// # Errors
///
/// [`Missing`] with `remedy` if there is none.
pub fn tool(name: &str, remedy: &str) -> Result<PathBuf, Missing> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Missing::new(name, remedy))
}
