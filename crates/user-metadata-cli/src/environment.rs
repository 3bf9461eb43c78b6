use clap::Command;
use clap::builder::Resettable;

/// Makes empty environment variables count as not set: Compose makes them of `${NAME:-}`, and no
/// flag accepts an empty value.
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
