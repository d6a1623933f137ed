//! The function library, assembled from its files.
//!
//! Functions survive a crash of Valkey with its data, where scripts do not, and a worker that may only call functions
//! needs no right to run code of its own. The version of the layout stands in the name of the library and of every
//! function, so that programs of two layouts can never meet on the same keys unnoticed.

use crate::{Error, Queue, connection::command};

/// The name of the library.
pub const NAME: &str = "atelier_v1";

/// What the names of the libraries of all layouts look like.
const ANY_LAYOUT: &str = "atelier_v*";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("functions/", $name)))),*]
    };
}

/// The files in the order in which they are joined, with their names.
pub const FILES: &[(&str, &str)] = files![
    "shared.lua",
    "publish.lua",
    "lease.lua",
    "beat.lua",
    // After lease.lua, because it calls what hands a job over.
    "finish.lua",
    "release.lua",
    "pass_on.lua",
    "recover.lua",
    "cancel.lua",
    "settle.lua",
    "recall.lua",
    "reap.lua",
    "purge.lua",
    "depth.lua",
    "workers.lua",
    "memory.lua",
];

/// Returns the text of a library made of these files.
pub fn assemble<'a>(files: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = format!("#!lua name={NAME}\n");
    for file in files {
        text.push_str(file);
        text.push('\n');
    }
    text
}

impl Queue {
    /// Loads the function library and makes what has to be there. For the API only; it may be called again at any time.
    ///
    /// # Errors
    ///
    /// [`Error::OtherLayout`] when programs of another layout use the same server.
    pub async fn prepare(&self) -> Result<(), Error> {
        self.refuse_other_layouts().await?;
        let text = assemble(FILES.iter().map(|(_, text)| *text));
        let load = command("FUNCTION", &["LOAD", "REPLACE", &text]);
        self.query::<String>("load the functions of the queue", &load).await?;
        self.make_done_group().await?;
        self.run_id().await.map(drop)
    }

    /// Fails if the functions of another layout are there; returns whether ours are.
    pub(crate) async fn refuse_other_layouts(&self) -> Result<bool, Error> {
        let list = command("FUNCTION", &["LIST", "LIBRARYNAME", ANY_LAYOUT]);
        let libraries: Vec<std::collections::HashMap<String, redis::Value>> =
            self.query("list the functions of Valkey", &list).await?;
        let is_loaded = !libraries.is_empty();
        for library in libraries {
            let Some(redis::Value::BulkString(name)) = library.get("library_name") else { continue };
            if name != NAME.as_bytes() {
                let found = String::from_utf8_lossy(name).into_owned();
                return Err(Error::OtherLayout { found, expected: NAME });
            }
        }
        Ok(is_loaded)
    }
}
