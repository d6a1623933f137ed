//! The command line of a llama-server.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use models::{header::Pooling, llm::CacheType};
use serde_json::{Map, Value};

use super::Settings;

/// The least that a model is loaded for, unless it knows less.
pub(crate) const LEAST_CONTEXT: u32 = 4096;
/// Threads for questions beside the requests in the slots.
const SPARE_HTTP_THREADS: u32 = 4;

/// How a model is to be loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// The model; of a split one the first file.
    pub model: PathBuf,
    /// What reads pictures for it.
    pub mmproj: Option<PathBuf>,
    /// How many requests at once.
    pub slots: u32,
    /// Tokens of each of them.
    pub context: u32,
    /// How the keys of the cache are held.
    pub cache_type_k: CacheType,
    /// How the values of the cache are held.
    pub cache_type_v: CacheType,
    /// How vectors are made, and nothing else is; none where the model writes.
    pub pooling: Option<Pooling>,
    /// What the template of the conversation is told.
    pub template: Option<Map<String, Value>>,
    /// Whether the GPU is left alone.
    pub avoids_gpu: bool,
}

impl Launch {
    /// Returns how a model is loaded that needs nothing special, in one slot of so many tokens.
    pub(super) fn plain(model: PathBuf, context: u32) -> Self {
        Self {
            model,
            mmproj: None,
            slots: 1,
            context,
            cache_type_k: CacheType::F16,
            cache_type_v: CacheType::F16,
            pooling: None,
            template: None,
            avoids_gpu: false,
        }
    }

    /// Returns the same in the form that demands the least of the machine.
    pub(crate) fn in_safe_mode(&self) -> Self {
        Self {
            slots: 1,
            context: self.context.min(LEAST_CONTEXT),
            cache_type_k: CacheType::F16,
            cache_type_v: CacheType::F16,
            avoids_gpu: true,
            ..self.clone()
        }
    }

    /// Returns the arguments of the program.
    pub(super) fn flags(&self, socket: &Path, settings: &Settings) -> Vec<OsString> {
        let mut flags: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
            flags.push(name.into());
            flags.push(value.as_ref().to_owned());
        };
        add("--model", &self.model);
        if let Some(mmproj) = &self.mmproj {
            add("--mmproj", mmproj);
        }
        add("--host", &socket);
        add("--parallel", &self.slots.to_string());
        let whole = u64::from(self.context) * u64::from(self.slots);
        add("--ctx-size", &whole.to_string());
        add("--cache-type-k", &self.cache_type_k.name());
        add("--cache-type-v", &self.cache_type_v.name());
        add("--threads", &settings.threads.to_string());
        add("--threads-http", &(self.slots + SPARE_HTTP_THREADS).to_string());
        add("--gpu-layers", &if self.avoids_gpu || settings.device == "cpu" { "0" } else { "all" });
        // It would choose another context and other layers than those that room was made for.
        add("--fit", &"off");
        // Another copy of every conversation in memory that nobody has counted.
        add("--cache-ram", &"0");
        add("--log-colors", &"off");
        match self.pooling {
            // A text must fit into one batch.
            Some(pooling) => {
                for name in ["--batch-size", "--ubatch-size"] {
                    add(name, &self.context.to_string());
                }
                add("--pooling", &pooling.name());
                flags.push("--embeddings".into());
            }
            None => {
                if let Some(template) = &self.template {
                    let text = Value::Object(template.clone()).to_string();
                    flags.extend(["--chat-template-kwargs".into(), text.into()]);
                }
                flags.push("--jinja".into());
            }
        }
        flags.extend(["--no-webui", "--no-slots", "--offline"].map(OsString::from));
        flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch() -> Launch {
        Launch {
            model: "/m/a.gguf".into(),
            mmproj: None,
            slots: 4,
            context: 8192,
            cache_type_k: CacheType::Q8_0,
            cache_type_v: CacheType::Q8_0,
            pooling: None,
            template: None,
            avoids_gpu: false,
        }
    }

    fn flags(launch: &Launch, device: &str) -> String {
        let settings = Settings { program: "llama-server".into(), threads: 2, device: device.to_owned() };
        let flags = launch.flags(Path::new("/run/s.sock"), &settings);
        flags.iter().map(|flag| flag.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_slot_gets_the_whole_context() {
        let flags = flags(&launch(), "cuda:0");
        assert!(flags.contains("--parallel 4 --ctx-size 32768 "), "{flags}");
        assert!(flags.contains("--gpu-layers all"), "{flags}");
        assert!(!flags.contains("--embeddings"), "{flags}");
    }

    #[test]
    fn what_makes_vectors_reads_a_text_at_once() {
        let flags = flags(&Launch { pooling: Some(Pooling::Mean), ..launch() }, "cpu");
        assert!(flags.contains("--ubatch-size 8192 --pooling mean --embeddings"), "{flags}");
        assert!(flags.contains("--gpu-layers 0"), "{flags}");
    }

    #[test]
    fn nothing_that_reads_files_or_fetches_addresses_is_ever_switched_on() {
        let flags = flags(&Launch { mmproj: Some("/m/b.gguf".into()), ..launch() }, "");
        for dangerous in ["--tools", "--agent", "--mcp", "--media-path", "-hf", "--props", "--api-key"] {
            assert!(!flags.contains(dangerous), "{flags}");
        }
    }

    #[test]
    fn the_safe_mode_leaves_the_gpu_alone_and_asks_for_little() {
        let safe = launch().in_safe_mode();
        assert_eq!((safe.slots, safe.context, safe.cache_type_k, safe.avoids_gpu), (1, 4096, CacheType::F16, true));
        assert_eq!(Launch { context: 512, ..launch() }.in_safe_mode().context, 512);
    }
}
