//! RTP and RTCP on the wire (RFC 3550, RFC 5761), and what a stream shows of its quality.
