//! DRIFT, and ages.
