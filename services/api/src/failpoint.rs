//! Places where the fault run kills the API, to see that nothing is lost there.
//!
//! `ATELIER_FAILPOINT=after_publish` makes the process abort when it first passes that place. Release builds have no such places.

/// Aborts the process if this is the place that the fault run has chosen.
pub fn pass(place: &str) {
    #[cfg(debug_assertions)]
    {
        static CHOSEN: std::sync::LazyLock<Option<String>> =
            std::sync::LazyLock::new(|| std::env::var("ATELIER_FAILPOINT").ok());
        if CHOSEN.as_deref() == Some(place) {
            tracing::warn!(place, "the fault run ends this process at {place}");
            std::process::abort();
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = place;
}
