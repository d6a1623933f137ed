//! The function library, assembled from its files.
