//! What every service needs: settings, telemetry, metrics, start and stop, clock.

pub mod clock;
pub mod lifecycle;
pub mod metrics;
pub mod program;
pub mod settings;
pub mod telemetry;
pub mod tls;

pub use settings::{Secret, load, load_from};
pub use telemetry::init_telemetry;
