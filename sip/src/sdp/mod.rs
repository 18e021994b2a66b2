//! Session descriptions (RFC 8866), changed in place: lines keep their order and their bytes unless they must change.
