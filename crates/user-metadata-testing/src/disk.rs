use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::missing::{Missing, tool};
use crate::process::{Program, Running};
use crate::scratch::Scratch;
use crate::until::until;

const UTIL_LINUX: &str = "install util-linux";

/// A small disk, to be filled: a tmpfs that only the programs started [`on`](Program::on) it see.
/// It outlives them, so that a program that died of a full disk finds its data again.
#[derive(Debug)]
pub struct SmallDisk {
    /// Keeps the mount namespace alive.
    holder: Running,
    nsenter: PathBuf,
    scratch: Scratch,
}

impl SmallDisk {
    /// Makes a disk of `mib` MiB.
    ///
    /// # Errors
    ///
    /// [`Missing`] where users may not create mount namespaces.
    pub fn new(mib: u32) -> Result<Self, Missing> {
        let unshare = tool("unshare", UTIL_LINUX)?;
        let nsenter = tool("nsenter", UTIL_LINUX)?;
        let scratch = Scratch::new("disk");
        let script =
            "mount -t tmpfs -o \"size=$0m\" tmpfs \"$1\" && echo mounted && exec sleep infinity";
        let holder = Program::new(unshare)
            .args(["--map-root-user", "--mount", "sh", "-c", script])
            .arg(mib.to_string())
            .arg(scratch.path())
            .start();
        let mut holder = holder.map_err(|error| refused(&error))?;
        let is_mounted = until("the small disk", Duration::from_secs(10), || {
            let is_mounted = !holder.stdout().so_far().is_empty();
            (is_mounted || holder.has_ended()).then_some(is_mounted)
        });
        if !is_mounted {
            return Err(refused(&holder.stderr().wait_for_end().join("; ")));
        }
        Ok(Self {
            holder,
            nsenter,
            scratch,
        })
    }

    /// The path of a file or folder on it, for the programs that are started on it.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.scratch.file(name)
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let filled = self.write_all_there_is();
        assert!(filled.is_ok(), "the disk could not be filled: {filled:?}");
    }

    /// Frees the space that [`fill`](Self::fill) took.
    pub fn free(&self) {
        let freed = std::fs::remove_file(self.filler());
        assert!(freed.is_ok(), "the disk could not be freed: {freed:?}");
    }

    /// The command that runs another one in this disk's namespace.
    pub(crate) fn enter(&self) -> Command {
        let mut command = Command::new(&self.nsenter);
        let target = self.holder.pid().to_string();
        command.args(["--target", &target, "--mount", "--user"]);
        command.args(["--preserve-credentials", "--"]);
        command
    }

    /// The path of the filling file as this process sees it.
    fn filler(&self) -> PathBuf {
        let path = self.scratch.path();
        let inside = path.strip_prefix("/").unwrap_or(path);
        Path::new("/proc")
            .join(self.holder.pid().to_string())
            .join("root")
            .join(inside)
            .join("filler")
    }

    fn write_all_there_is(&self) -> io::Result<()> {
        let mut file = File::create(self.filler())?;
        for chunk in [1 << 20, 4 << 10, 1] {
            let chunk = vec![0; chunk];
            loop {
                match file.write_all(&chunk) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

fn refused(why: &dyn std::fmt::Display) -> Missing {
    Missing::new(
        format!("a disk of its own ({why})"),
        "allow user namespaces, or run as root",
    )
}
