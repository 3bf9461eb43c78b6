//! What the rules tell about a text.

use std::borrow::Cow;

use super::rule_set::Scan;
use crate::rules::{DEVICES, GUESSED_KINDS, KINDS};
use crate::{ClientKind, DeviceType};

/// The lists of rules. In each the first match wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Browsers,
    BrowserWords,
    BrowserForms,
    OwnSystems,
    Systems,
    RareSystems,
    Devices,
    NamedBots,
    BotWords,
    BotForms,
    Kinds,
    GuessedKinds,
    Classes,
}

/// A text, and what the rules tell about it.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    scan: Scan<'a>,
}

/// A name with a version, as the rules give them.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    pub(crate) name: Option<Cow<'a, str>>,
    pub(crate) version: [Option<Cow<'a, str>>; 4],
}

/// A device as uap-core describes it.
#[derive(Debug)]
pub(crate) struct UapDevice<'a> {
    pub(crate) family: Option<Cow<'a, str>>,
    pub(crate) brand: Option<Cow<'a, str>>,
    pub(crate) model: Option<Cow<'a, str>>,
}

impl<'a> Reading<'a> {
    pub(super) const fn new(scan: Scan<'a>) -> Self {
        Self { scan }
    }

    pub(crate) fn browser(&mut self) -> Option<Named<'a>> {
        self.named(List::Browsers)
    }

    /// What a User-Agent names besides the browser of its engine.
    pub(crate) fn fork(&mut self) -> Option<Named<'a>> {
        let word = self.named(List::BrowserWords);
        word.or_else(|| self.named(List::BrowserForms))
    }

    /// By this crate's own rules.
    pub(crate) fn own_system(&mut self) -> Option<Named<'a>> {
        self.named(List::OwnSystems)
    }

    /// By uap-core's rules, and the rules for what they don't know.
    pub(crate) fn system(&mut self) -> Option<Named<'a>> {
        let known = self.named(List::Systems);
        let is_known = |named: &Named<'a>| named.name.as_deref() != Some("Other");
        known
            .filter(is_known)
            .or_else(|| self.named(List::RareSystems))
    }

    pub(crate) fn device(&mut self) -> Option<UapDevice<'a>> {
        let [family, brand, model, ..] = self.scan.first(List::Devices)?.fields;
        Some(UapDevice {
            family,
            brand,
            model,
        })
    }

    pub(crate) fn named_bot(&mut self) -> Option<Named<'a>> {
        self.named(List::NamedBots)
    }

    pub(crate) fn bot_word(&mut self) -> Option<Named<'a>> {
        self.named(List::BotWords)
    }

    pub(crate) fn bot_form(&mut self) -> Option<Named<'a>> {
        self.named(List::BotForms)
    }

    pub(crate) fn kind(&mut self) -> Option<ClientKind> {
        self.meaning(List::Kinds, KINDS)
    }

    /// Where nothing is known by name.
    pub(crate) fn guessed_kind(&mut self) -> Option<ClientKind> {
        self.meaning(List::GuessedKinds, GUESSED_KINDS)
    }

    pub(crate) fn class(&mut self) -> Option<DeviceType> {
        self.meaning(List::Classes, DEVICES)
    }

    fn named(&mut self, list: List) -> Option<Named<'a>> {
        let [name, a, b, c, d] = self.scan.first(list)?.fields;
        Some(Named {
            name,
            version: [a, b, c, d],
        })
    }

    fn meaning<T: Copy>(&mut self, list: List, rules: &[(&str, T)]) -> Option<T> {
        let found = self.scan.first(list)?;
        rules.get(found.rule).map(|(_, meaning)| *meaning)
    }
}
