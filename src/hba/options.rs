//! Options of methods.
