//! What is gathered of a server.
