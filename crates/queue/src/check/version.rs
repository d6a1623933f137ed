//! Which servers will do.

use contract::system::{Check, Verdict};

/// The first releases of each line of Valkey with the security fixes of 2025 and 2026. Later lines have them all.
const FIXED: &[[u32; 3]] = &[[8, 0, 8], [8, 1, 7]];

/// Judges a server by what it says of itself in `INFO server`.
pub(super) fn check(server_name: &str, valkey: &str, redis: &str) -> Check {
    // Valkey gives the version of Redis that it is compatible with, for old clients.
    let is_valkey = server_name == "valkey" || !valkey.is_empty();
    let (server, text, least) = if is_valkey { ("Valkey", valkey, [7, 2, 0]) } else { ("Redis", redis, [7, 0, 0]) };
    let name = "valkey version";
    let found = format!("{server} {text}");
    let Some(version) = parse(text) else {
        return super::check(name, Verdict::Warning, format!("{server} with the unknown version {text:?}"), None);
    };
    if version < least {
        let remedy = "Install Valkey 8.1.7 or later.";
        return super::check(name, Verdict::Bad, format!("{found} is too old for the queue's functions"), Some(remedy));
    }
    if is_valkey && !is_fixed(version) {
        let finding = format!("{found} has known security holes (CVE-2025-49844 and others)");
        let remedy = "Install Valkey 8.1.7 or later; until then keep it on a Unix socket or on 127.0.0.1.";
        return super::check(name, Verdict::Warning, finding, Some(remedy));
    }
    super::check(name, Verdict::Good, found, None)
}

fn is_fixed(version: [u32; 3]) -> bool {
    let same_line = FIXED.iter().find(|fixed| fixed[..2] == version[..2]);
    same_line.map_or_else(|| FIXED.iter().all(|fixed| version > *fixed), |fixed| version >= *fixed)
}

fn parse(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_refused_and_unfixed_ones_are_named() {
        let verdict = |name, valkey, redis| check(name, valkey, redis).verdict;
        assert_eq!(verdict("", "", "6.2.14"), Verdict::Bad);
        assert_eq!(verdict("", "", "7.0.15"), Verdict::Good);
        assert_eq!(verdict("valkey", "8.0.1", "7.2.4"), Verdict::Warning);
        assert_eq!(verdict("valkey", "8.0.8", "7.2.4"), Verdict::Good);
        assert_eq!(verdict("valkey", "8.1.6", "7.2.4"), Verdict::Warning);
        assert_eq!(verdict("valkey", "8.1.7", "7.2.4"), Verdict::Good);
        assert_eq!(verdict("valkey", "9.0.0", "7.2.4"), Verdict::Good);
        assert_eq!(verdict("valkey", "", "7.2.4"), Verdict::Warning);
    }
}
