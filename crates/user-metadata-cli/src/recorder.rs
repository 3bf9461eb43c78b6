use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// Collects the libraries' metrics and renders them for Prometheus.
#[derive(Clone)]
pub struct Recorder(PrometheusHandle);

/// The recorder could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("metrics can't be collected")]
pub struct RecorderError(#[source] BuildError);

/// Bounds of every histogram, in seconds: from the time of a join to that of an outage.
const BUCKETS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0,
    5.0, 30.0, 300.0,
];

impl Recorder {
    /// Installs the process's recorder: once, before anything is counted.
    ///
    /// # Errors
    ///
    /// [`RecorderError`] if there is one already.
    pub fn install() -> Result<Self, RecorderError> {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
        let installed = builder.and_then(PrometheusBuilder::install_recorder);
        installed.map(Self).map_err(RecorderError)
    }

    /// All metrics in the [text exposition format][format], version 0.0.4.
    ///
    /// [format]: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
    #[must_use]
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }

    /// Folds samples into the histograms; without it they pile up between scrapes.
    pub fn fold(&self) {
        self.0.run_upkeep();
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}
