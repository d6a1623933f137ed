//! Files that jobs make or take: content-addressed, whole or not at all, with thumbnails.
