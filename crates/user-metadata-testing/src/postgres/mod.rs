//! A real PostgreSQL: the server that `DATABASE_URL` names, or a new one from the installed
//! programs.

mod database;
mod programs;
mod server;

pub use database::Database;
pub use programs::Programs;
pub use server::Server;

use std::sync::LazyLock;

use crate::environment::variable;
use crate::missing::Missing;

/// A new database for a test that needs only that: on the server of `DATABASE_URL`, whose user must
/// be allowed to create databases, or else on one that all tests of this process share. Tests must
/// not stop it.
///
/// # Errors
///
/// As [`Server::start`].
pub fn database() -> Result<Database, Missing> {
    static OWN: LazyLock<Result<Server, Missing>> = LazyLock::new(Server::start);
    match variable("DATABASE_URL") {
        Some(url) => Ok(Database::create(&Programs::find_psql()?, &url)),
        None => OWN.as_ref().map(Server::database).map_err(Clone::clone),
    }
}
