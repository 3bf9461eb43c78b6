use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::environment::is_root;
use crate::missing::{Missing, tool};
use crate::process::Program;

const REMEDY: &str = "install postgresql";
/// Debian's folder for them, by version; it is not on the `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Runs a program as another user in a namespace, as PostgreSQL refuses to run as root. Outside of
/// the namespace it is still root, so it may write where root may.
const NOT_ROOT: [&str; 4] = ["--user", "--map-user=1000", "--map-group=1000", "--"];

/// The installed programs of PostgreSQL.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
    /// `unshare`, if this is root.
    unshare: Option<PathBuf>,
}

impl Programs {
    /// Finds the newest version.
    ///
    /// # Errors
    ///
    /// [`Missing`] if there is no server, or root may not run it as another user.
    pub fn find() -> Result<Self, Missing> {
        let server = tool("postgres", REMEDY).or_else(|missing| newest().ok_or(missing))?;
        // The `PATH` may have only a link to this one program.
        let server = server.canonicalize().unwrap_or(server);
        let folder = server.parent().map_or_else(PathBuf::new, Path::to_owned);
        let unshare = is_root().then(unshare).transpose()?;
        Ok(Self { folder, unshare })
    }

    /// Finds the client `psql`.
    pub(super) fn find_psql() -> Result<PathBuf, Missing> {
        tool("psql", "install postgresql-client")
    }

    pub(super) fn psql(&self) -> PathBuf {
        self.folder.join("psql")
    }

    /// One of them, run as a user that it accepts.
    pub(super) fn program(&self, name: &str) -> Program {
        let path = self.folder.join(name);
        match &self.unshare {
            Some(unshare) => Program::new(unshare).args(NOT_ROOT).arg(path),
            None => Program::new(path),
        }
    }
}

fn newest() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).ok()?.flatten();
    let programs = versions.map(|version| version.path().join("bin/postgres"));
    let version = |path: &PathBuf| {
        let name = path.ancestors().nth(2)?.file_name()?;
        name.to_str()?.parse::<u32>().ok()
    };
    programs.filter(|path| path.is_file()).max_by_key(version)
}

fn unshare() -> Result<PathBuf, Missing> {
    let unshare = tool("unshare", "install util-linux")?;
    let mut works = Command::new(&unshare);
    works.args(NOT_ROOT).arg("true").stderr(Stdio::null());
    if works.status().is_ok_and(|status| status.success()) {
        return Ok(unshare);
    }
    Err(Missing::new(
        "PostgreSQL, which refuses root",
        "allow user namespaces, or run the tests as another user",
    ))
}
