//! SECR and DATA.
