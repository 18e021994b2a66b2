//! rtpengine's control protocol, so that Kamailio and OpenSIPS drive the relay unmodified.
