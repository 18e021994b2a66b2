//! What all tests of this room use.

mod crossing;
mod journeys;
mod refusals;
mod signaling;
mod vectors;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn master(suite: Suite, key: &str) -> Master {
    let key = hex(key);
    let mut chance = [0; MASTER_MAX];
    chance[..key.len()].copy_from_slice(&key);
    Master::new(suite, &chance)
}

/// A key of which every byte is this one.
fn key(suite: Suite, byte: u8) -> Master {
    Master::new(suite, &[byte; MASTER_MAX])
}

fn named(mut master: Master, mki: Option<Mki>) -> Master {
    master.mki = mki;
    master
}

/// A packet with a payload that tells its number.
fn rtp(source: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 1, 0x40]);
    packet.extend(source.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A receiver report without blocks, and bytes behind it.
fn rtcp(source: u32, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(source.to_be_bytes());
    packet.extend(rest);
    packet
}

fn protect(sender: &mut Sender, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    grown(packet, |bytes, length| sender.protect(bytes, length))
}

fn protect_rtcp(sender: &mut Sender, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    grown(packet, |bytes, length| sender.protect_rtcp(bytes, length))
}

fn unprotect(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    grown(packet, |bytes, length| receiver.unprotect(&mut bytes[..length]))
}

fn unprotect_rtcp(receiver: &mut Receiver, packet: &[u8]) -> Result<Vec<u8>, Refusal> {
    grown(packet, |bytes, length| receiver.unprotect_rtcp(&mut bytes[..length]))
}

/// What becomes of a packet in a buffer with room, whose bytes behind the packet are not zero.
fn grown(
    packet: &[u8],
    change: impl FnOnce(&mut [u8], usize) -> Result<usize, Refusal>,
) -> Result<Vec<u8>, Refusal> {
    let mut bytes = packet.to_vec();
    bytes.resize(packet.len() + TRAILER_MAX, 0xee);
    let length = change(&mut bytes, packet.len())?;
    assert_eq!(bytes.len(), packet.len() + TRAILER_MAX);
    bytes.truncate(length);
    Ok(bytes)
}
