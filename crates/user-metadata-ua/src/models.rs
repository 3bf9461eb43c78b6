//! Which models of Android devices are no telephones.

use crate::DeviceType;

/// Lines of a model and its class, sorted by model (see `data/ORIGIN.md`).
const MODELS: &str = include_str!("../data/models.tsv");

#[derive(Debug)]
pub(crate) struct Models {
    classes: Vec<(&'static str, DeviceType)>,
}

impl Models {
    pub(crate) fn embedded() -> Self {
        let class = |line: &'static str| {
            let (model, class) = line.split_once('\t')?;
            Some((model, DeviceType::named(class)?))
        };
        Self {
            classes: MODELS.lines().filter_map(class).collect(),
        }
    }

    /// The class of a model; `None` of most telephones.
    pub(crate) fn class(&self, model: &str) -> Option<DeviceType> {
        let model = key(model);
        let place = self
            .classes
            .binary_search_by_key(&&*model, |(model, _)| model);
        Some(self.classes[place.ok()?].1)
    }
}

/// The form in which models are compared: makers and browsers write them in different ways.
fn key(model: &str) -> String {
    let words = model
        .split([' ', '_', '\t'])
        .filter(|word| !word.is_empty());
    let key = words.collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let short = key
        .strip_prefix("samsung ")
        .or_else(|| key.strip_prefix("samsung-"));
    short.map(str::to_owned).unwrap_or(key)
}

/// The model that an Android device's User-Agent states, as it stands there.
pub(crate) fn stated(user_agent: &str) -> Option<&str> {
    let (_, rest) = user_agent.split_once("Android")?;
    // Parentheses belong to some models; the one that ends the comment is followed by a space.
    let end = rest.find(") ").unwrap_or(rest.len());
    let comment = rest[..end].trim_end_matches(')');
    comment
        .split(';')
        .skip(1)
        .map(without_build)
        .find(|part| !part.is_empty() && !is_other(part))
}

/// `SM-T225 Build/RP1A` is the model SM-T225.
fn without_build(part: &str) -> &str {
    let part = part.split_once("Build/").map_or(part, |(model, _)| model);
    part.trim().trim_end_matches(" Build")
}

/// What else stands where the model does.
fn is_other(part: &str) -> bool {
    let is_language = part.len() <= 6
        && part
            .split(['-', '_'])
            .all(|tag| (2..=3).contains(&tag.len()))
        && part.starts_with(|first: char| first.is_ascii_lowercase());
    is_language
        || matches!(
            part,
            "K" | "U" | "wv" | "Mobile" | "Tablet" | "TV" | "Linux" | "arm_64"
        )
        || part.starts_with("rv:")
}
