//! One provider of cryptography for every TLS connection of the process.

/// Chooses ring for every TLS connection. Call it before the first HTTP client is made, which otherwise panics, even for
/// `http://`. Calling it again changes nothing.
pub fn install_tls() {
    // An error says that a provider is chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
