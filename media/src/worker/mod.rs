//! The threads that move the packets.
