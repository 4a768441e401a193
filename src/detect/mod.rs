//! What a text is: a credential, a card number, an address. Pure functions over
//! bounded texts; what they looked at never leaves them.
