//! What the services tell their operators: logs, metrics, health.

mod listener;
mod logs;
mod metric;

pub use listener::{Listener, Readiness};
pub use logs::{Config, Error, Format, init};
pub use metric::{Metric, render};
