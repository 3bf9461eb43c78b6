//! What this crate knows beyond uap-core, as tables of regular expressions. In each the first match
//! wins. Groups mean what they mean in uap-core: the name, then the version's parts. Long
//! expressions are in verbose mode (`(?x)`), where a space is written with a backslash.

mod bots;
mod browsers;
mod devices;
mod kinds;
mod systems;

pub(crate) use bots::{BOT_FORMS, NAMED_BOTS};
pub(crate) use browsers::{BROWSER_FORMS, BROWSERS};
pub(crate) use devices::DEVICES;
pub(crate) use kinds::{GUESSED_KINDS, KINDS};
pub(crate) use systems::{RARE_SYSTEMS, SYSTEMS};
