//! Which path a packet takes, and what is done when one goes dark.
