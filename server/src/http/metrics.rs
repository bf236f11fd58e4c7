//! What the HTTP side counts; the engine counts the rest.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{family::Family, histogram::Histogram},
    registry::Registry,
};

/// How long requests took, with the registry that writes it.
pub(super) struct HttpMetrics {
    registry: Registry,
    requests: Family<RequestLabels, Histogram>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    method: String,
    /// The pattern of the route, never the path: paths have no bound.
    route: String,
    status: u16,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("quarterdeck");
        let requests = Family::<RequestLabels, Histogram>::new_with_constructor(request_histogram);
        let how_long = "How long requests took until their answer began, in seconds";
        registry.register("http_request_duration_seconds", how_long, requests.clone());
        Self { registry, requests }
    }
}

impl HttpMetrics {
    /// Counts one answered request.
    pub(super) fn observe(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let method = method.as_str().to_owned();
        let labels = RequestLabels { method, route: route.to_owned(), status: status.as_u16() };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Writes everything in Prometheus' text format.
    pub(super) fn encode(&self) -> String {
        let mut page = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}

fn request_histogram() -> Histogram {
    Histogram::new([0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0, 30.0])
}
