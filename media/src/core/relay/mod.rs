//! Calls, their legs and streams: who may send where, and where it goes.
