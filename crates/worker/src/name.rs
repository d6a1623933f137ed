//! The name of a worker: host, kind, and something random, so that every start is another worker.

use contract::spec::WorkerKind;

/// Returns a fresh name. It stands in keys of the queue, so it has only small letters, digits and hyphens.
pub(crate) fn fresh(kind: WorkerKind) -> String {
    format!("{}-{}-{:08x}", host(), kind.as_str(), fastrand::u32(..))
}

/// Returns the name under which the memory of a device of this machine is shared by all its workers: `host:cuda:0`, `host:cpu`.
///
/// `set` is what the worker was told to use, where it was told so: the number of the device as the machine counts.
/// `found` is what its engine says, which counts only what it was let see: `cuda0`.
#[must_use]
pub fn device(set: &str, found: &str) -> String {
    let of_machine = if set.contains(':') { set.to_owned() } else { with_colon(found) };
    format!("{}:{}", host(), of_machine.to_ascii_lowercase())
}

fn host() -> String {
    plain(&rustix::system::uname().nodename().to_string_lossy())
}

fn with_colon(found: &str) -> String {
    match found.find(|letter: char| letter.is_ascii_digit()) {
        Some(number) if !found.contains(':') => format!("{}:{}", &found[..number], &found[number..]),
        _ => found.to_owned(),
    }
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
    fn all_workers_of_a_device_use_one_name_for_it() {
        let name = |set, found| device(set, found).split_once(':').unwrap().1.to_owned();
        assert_eq!(name("", "cuda0"), "cuda:0");
        assert_eq!(name("", "CPU"), "cpu");
        // A worker that sees only the second card calls it the first.
        assert_eq!(name("cuda:1", "cuda0"), "cuda:1");
        assert_eq!(name("cpu", "cpu"), "cpu");
    }

    #[test]
    fn a_name_has_only_what_may_stand_in_a_key() {
        assert_eq!(plain("Büro_PC.example.org"), "b-ro-pc");
        assert_eq!(plain(""), "host");
        assert_ne!(fresh(WorkerKind::Sd), fresh(WorkerKind::Sd));
    }
}
