//! FUNC and EXT.
