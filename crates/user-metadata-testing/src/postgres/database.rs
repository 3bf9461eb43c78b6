use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::environment::with_database;

/// An empty database, dropped with this.
#[derive(Debug)]
pub struct Database {
    psql: PathBuf,
    url: String,
    /// The URL of the database that it was created from, and its name.
    made_from: (String, String),
}

impl Database {
    /// Creates a database on the server of `url`.
    pub(super) fn create(psql: &Path, url: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_nanos());
        let name = format!("test_{}_{count}_{now}", std::process::id());
        let made = run(psql, url, &format!("CREATE DATABASE {name}"));
        assert!(made.is_ok(), "no database could be created: {made:?}");
        Self {
            psql: psql.to_owned(),
            url: with_database(url, &name),
            made_from: (url.to_owned(), name),
        }
    }

    /// As `--sink` takes it: `postgres://USER:PASSWORD@HOST:PORT/NAME`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements with `psql` and returns the rows of all of them, their fields separated by
    /// `|`.
    #[must_use]
    pub fn query(&self, sql: &str) -> Vec<String> {
        match run(&self.psql, &self.url, sql) {
            Ok(rows) => rows,
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    /// [`query`](Self::query) while the server may be down.
    ///
    /// # Errors
    ///
    /// What `psql` says.
    pub fn try_query(&self, sql: &str) -> Result<Vec<String>, String> {
        run(&self.psql, &self.url, sql)
    }

    /// Runs statements and ignores their rows.
    pub fn execute(&self, sql: &str) {
        drop(self.query(sql));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (url, name) = &self.made_from;
        // If the server is gone, so is the database.
        drop(run(
            &self.psql,
            url,
            &format!("DROP DATABASE {name} WITH (FORCE)"),
        ));
    }
}

fn run(psql: &Path, url: &str, sql: &str) -> Result<Vec<String>, String> {
    let output = Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set", "ON_ERROR_STOP=1", "--command", sql, url])
        .env("PGCONNECT_TIMEOUT", "2")
        .env("PGTZ", "UTC")
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        let rows = String::from_utf8_lossy(&output.stdout);
        Ok(rows.lines().map(str::to_owned).collect())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
