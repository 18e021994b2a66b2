//! Two legs in virtual time with a network between them that the test bends; then two over real sockets.
