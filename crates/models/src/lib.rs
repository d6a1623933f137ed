//! Model files on disk: scan, headers of safetensors and GGUF, sidecars.
