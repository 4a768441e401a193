//! HBA, NET and TLS.
