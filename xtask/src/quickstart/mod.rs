mod options;
mod programs;

use options::{Options, USAGE};
use programs::Programs;

use crate::Failure;
use crate::cargo::{cargo, succeed};

/// The features that the embedded log and the SQLite sink need, in a profile of their own, so that
/// programs built with all features are kept.
const BUILD: [&str; 10] = [
    "build",
    "--profile",
    "quickstart",
    "--package",
    "ws-server",
    "--package",
    "metadata-consumer",
    "--no-default-features",
    "--features",
    "metadata-consumer/sqlite",
];

/// Builds and starts both programs, shows their logs, and stops them.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let Some(options) = Options::parse(arguments)? else {
        println!("{USAGE}");
        return Ok(());
    };
    options.check_ports()?;
    succeed(&mut cargo(&BUILD))?;
    let mut programs = Programs::new()?;
    let ended = run_until_asked_to_stop(&options, &mut programs);
    let stopped = programs.stop();
    ended.and(stopped)
}

fn run_until_asked_to_stop(options: &Options, programs: &mut Programs) -> Result<(), Failure> {
    let data = options.data_dir.display().to_string();
    let listen = options.listen.to_string();
    let admin = options.admin_listen.to_string();
    let flags = [
        "--listen",
        &listen,
        "--admin-listen",
        &admin,
        "--data-dir",
        &data,
    ];
    programs.start("ws-server", &flags, options.listen)?;
    let database = format!("{data}/user-metadata.sqlite");
    let sink = format!("sqlite:{database}");
    let consumer = options.consumer_listen.to_string();
    let flags = ["--listen", &consumer, "--data-dir", &data, "--sink", &sink];
    programs.start("metadata-consumer", &flags, options.consumer_listen)?;
    if !programs.is_asked_to_stop() {
        println!(
            "\n  Open http://{listen}/ and join.\n  The events are stored in {database}.\n  \
             Ctrl-C stops both programs.\n"
        );
    }
    programs.watch()
}
