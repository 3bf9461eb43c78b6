/// The values of several runs.
#[derive(Debug)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub(crate) fn median(&self) -> Option<f64> {
        self.0.get(self.0.len() / 2).copied()
    }

    /// The median with the lowest and the highest of all runs.
    pub(crate) fn in_words(&self, digits: usize) -> Option<String> {
        let (low, high) = (self.0.first()?, self.0.last()?);
        let median = self.median()?;
        Some(format!(
            "{median:.digits$} ({low:.digits$}–{high:.digits$})"
        ))
    }
}
