//! Waivers, intent, GOV.
