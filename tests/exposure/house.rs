//! TOOL, LEFT, and KEY on this host.
