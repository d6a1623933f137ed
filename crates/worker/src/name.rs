//! The name of a worker: host, kind, and something random, so that every start is another worker.

use contract::spec::WorkerKind;

/// Returns a fresh name. It stands in keys of the queue, so it has only small letters, digits and hyphens.
pub(crate) fn fresh(kind: WorkerKind) -> String {
    let system = rustix::system::uname();
    let host = plain(&system.nodename().to_string_lossy());
    format!("{host}-{}-{:08x}", kind.as_str(), fastrand::u32(..))
}

fn plain(host: &str) -> String {
    let name: String = host
        .split('.')
        .next()
        .unwrap_or_default()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .take(40)
        .collect();
    if name.is_empty() { "host".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_only_what_may_stand_in_a_key() {
        assert_eq!(plain("Büro_PC.example.org"), "b-ro-pc");
        assert_eq!(plain(""), "host");
        assert_ne!(fresh(WorkerKind::Sd), fresh(WorkerKind::Sd));
    }
}
