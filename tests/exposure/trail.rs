//! STO, BKP, MAN, KEY.
