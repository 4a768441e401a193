//! ROLE and AUTH.
