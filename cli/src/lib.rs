//! atelier: submit, watch, list, show, cancel, retry, keys, doctor.
