//! The apps that show web pages on Android.

/// Lines of a package and the app's name, sorted by package (see `data/ORIGIN.md`).
const APPS: &str = include_str!("../data/apps.tsv");

/// Names of apps by package.
#[derive(Debug)]
pub(crate) struct Apps {
    names: Vec<(&'static str, &'static str)>,
}

impl Apps {
    pub(crate) fn embedded() -> Self {
        let names = APPS.lines().filter_map(|line| line.split_once('\t'));
        Self {
            names: names.collect(),
        }
    }

    /// The app of a package, as `X-Requested-With` of a web view names it.
    pub(crate) fn name(&self, package: &str) -> Option<&'static str> {
        let place = self.names.binary_search_by_key(&package, |(name, _)| name);
        Some(self.names[place.ok()?].1)
    }
}
