//! Comparisons with peers and physical limits.
