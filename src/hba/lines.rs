//! Lines and tokens.
