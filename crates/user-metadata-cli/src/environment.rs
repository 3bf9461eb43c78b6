use clap::Command;
use clap::builder::Resettable;

/// A command for which an environment variable without a value counts as not set: Compose and
/// Kubernetes make one of `${NAME:-}`, and no flag takes an empty value.
#[must_use]
pub fn without_empty_variables(command: Command) -> Command {
    let with_flags = command.mut_args(|arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        match value {
            Some(value) if value.is_empty() => arg.env(Resettable::Reset),
            _ => arg,
        }
    });
    with_flags.mut_subcommands(without_empty_variables)
}
