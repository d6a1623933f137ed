//! Names that may stand once.

use std::collections::HashSet;

/// No true model has more tensors or more entries of metadata.
const MOST: usize = 131_072;
/// No true name is longer, in bytes.
pub(super) const LONGEST_NAME_BYTES: usize = 1024;

/// The names that a header has shown so far.
#[derive(Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Adds a name, or returns why it cannot stand there.
    pub(super) fn add(&mut self, name: String) -> Result<(), String> {
        if name.len() > LONGEST_NAME_BYTES {
            return Err(format!("a name has {} bytes; at most {LONGEST_NAME_BYTES} make sense", name.len()));
        }
        if self.0.contains(&name) {
            return Err(format!("the name {name} stands twice"));
        }
        if self.0.len() >= MOST {
            return Err(format!("it has more than {MOST} names"));
        }
        self.0.insert(name);
        Ok(())
    }

    /// Returns whether as many names as a header announces make sense.
    pub(super) fn can_be(count: u64) -> bool {
        count <= MOST as u64
    }
}
