//! PRIV and RLS.
