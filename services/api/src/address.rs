//! Writes down where the API listens: `<data_dir>/api.address` holds `127.0.0.1:8080`.
//!
//! With `ATELIER_PORT=0` nobody else knows the port. `serve` calls this once the socket is bound.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The name of the file.
pub const FILE: &str = "api.address";

/// Writes the address. Whoever reads the file finds the old one or the new one, never a part of it.
pub fn write_down(data_dir: &Path, address: SocketAddr) -> io::Result<PathBuf> {
    fs::create_dir_all(data_dir)?;
    let path = data_dir.join(FILE);
    let partial = data_dir.join(format!("{FILE}.partial"));
    fs::write(&partial, format!("{address}\n"))?;
    fs::rename(&partial, &path)?;
    Ok(path)
}
