//! What the kernel says beside a packet, and what it is told beside one: control messages, in and out, as bytes.

/// `struct cmsghdr`: length, level, type.
const HEADER: usize = size_of::<usize>() + 8;
/// Room for the one message of four bytes or less that each packet may have.
pub(super) const ROOM: usize = HEADER + size_of::<usize>();

const SOL_SOCKET: i32 = nix::libc::SOL_SOCKET;
const SO_RXQ_OVFL: i32 = nix::libc::SO_RXQ_OVFL;
const SOL_UDP: i32 = nix::libc::SOL_UDP;
const UDP_SEGMENT: i32 = nix::libc::UDP_SEGMENT;

/// The kernel's count of dropped packets in the first message of `control`, if it is that.
pub(super) fn overflow(control: &[u8]) -> Option<u32> {
    let (level, rest) = control.get(size_of::<usize>()..)?.split_first_chunk()?;
    let (kind, rest) = rest.split_first_chunk()?;
    let known = (i32::from_ne_bytes(*level), i32::from_ne_bytes(*kind)) == (SOL_SOCKET, SO_RXQ_OVFL);
    rest.first_chunk().filter(|_| known).map(|count| u32::from_ne_bytes(*count))
}

/// The message that has one send cut into datagrams of `size` bytes, the last of them perhaps shorter.
pub(super) fn segments(size: u16) -> [u8; ROOM] {
    let mut control = [0; ROOM];
    let mut rest = &mut control[..];
    let mut put = |bytes: &[u8]| {
        let (here, behind) = std::mem::take(&mut rest).split_at_mut(bytes.len());
        here.copy_from_slice(bytes);
        rest = behind;
    };
    put(&(HEADER + size_of::<u16>()).to_ne_bytes());
    put(&SOL_UDP.to_ne_bytes());
    put(&UDP_SEGMENT.to_ne_bytes());
    put(&size.to_ne_bytes());
    control
}
