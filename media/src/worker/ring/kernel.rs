//! The one file that speaks with io_uring, and the only unsafe code of the house. What it lets out is safe:
//!
//! - A [`Buffer`] is ours from the completion that names it until it is given back, and nobody can have it twice.
//! - A receive and a watch point to nothing but what this struct owns, and the kernel has let go of it before it is freed.
//! - A send points to its packet and address only until [`Kernel::send`] returns: it may not wait (`MSG_DONTWAIT`), so the
//!   kernel has copied or refused it by the time that the submission is done.
#![expect(unsafe_code, reason = "the rings are memory shared with the kernel")]

use super::arrival;
use io_uring::{
    IoUring, cqueue, opcode, squeue,
    types::{BufRingEntry, CancelBuilder, Fd, Fixed, SubmitArgs, Timespec},
};
use nix::libc::{EAGAIN, EBUSY, EINTR, ETIME, MSG_DONTWAIT, POLLIN, msghdr};
use socket2::SockAddr;
use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    io, mem,
    net::SocketAddr,
    os::fd::{AsRawFd as _, BorrowedFd},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::Duration,
};

/// Requests that are handed over at once.
const REQUESTS: u32 = 512;
/// Completions that may wait: more than there are buffers, and each socket may end besides.
const COMPLETIONS: u32 = 8_192;
/// Packets that may wait in our buffers; more wait in their sockets.
const BUFFERS: u16 = 1_024;
/// One buffer: an odd number of cache lines, so that the heads of all of them do not fall into the same few.
const STRIDE: u32 = 25 * 64;
const _: () = assert!(STRIDE as usize > arrival::BYTES, "a packet that is too long shows");
/// The one group of buffers.
const GROUP: u16 = 0;
const PAGE: usize = 4_096;

pub(super) struct Kernel {
    /// Before the memory that it uses: fields are dropped in this order.
    ring: IoUring,
    memory: Memory,
    /// What a receive asks for: room for a name and a control message.
    message: Box<msghdr>,
    addresses: Vec<SockAddr>,
    /// Buffers given to the kernel so far; it sees them when this is published.
    tail: u16,
}

/// A buffer that the kernel has filled and that is ours until it is given back.
pub(super) struct Buffer(u16);

/// One thing that the kernel has done.
pub(super) struct Completion {
    pub(super) tag: u64,
    pub(super) result: i32,
    /// What stands armed stands on.
    pub(super) more: bool,
    pub(super) buffer: Option<Buffer>,
}

/// The buffers, and before them the ring in which they are given to the kernel.
struct Memory {
    start: *mut u8,
    /// The kernel may still write to it: it is never freed.
    lost: bool,
}

impl Kernel {
    /// With places for so many sockets. It belongs to the thread that makes it.
    pub(super) fn new(sockets: usize) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(COMPLETIONS).setup_submit_all().setup_single_issuer().setup_defer_taskrun();
        let ring = builder.build(REQUESTS)?;
        let features = ring.params();
        if !features.is_feature_min_timeout() || !features.is_feature_skip_cqe_on_success() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "Linux is older than 6.12"));
        }
        let places = u32::try_from(sockets).map_err(|_| io::ErrorKind::InvalidInput)?;
        ring.submitter().register_files_sparse(places)?;
        let memory = Memory::new();
        // SAFETY: the ring of buffers is page-aligned, zeroed and has `BUFFERS` entries; `memory` lives until the ring is
        // gone, see `drop`.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(memory.start as u64, BUFFERS, GROUP, 0)?;
        }
        // SAFETY: all-zero is the empty message, and what follows are plain numbers.
        let mut message: Box<msghdr> = Box::new(unsafe { mem::zeroed() });
        message.msg_namelen = arrival::NAME;
        message.msg_controllen = arrival::CONTROL;
        let mut kernel =
            Self { ring, memory, message, addresses: Vec::with_capacity(REQUESTS as usize), tail: 0 };
        (0..BUFFERS).for_each(|number| kernel.give_back(Buffer(number)));
        kernel.publish();
        Ok(kernel)
    }

    /// Puts a socket into a place; the kernel keeps it open until it is detached and nothing stands armed for it.
    pub(super) fn attach(&mut self, place: u16, file: BorrowedFd<'_>) -> io::Result<()> {
        self.ring.submitter().register_files_update(place.into(), &[file.as_raw_fd()]).map(drop)
    }

    pub(super) fn detach(&mut self, place: u16) {
        let emptied = self.ring.submitter().register_files_update(place.into(), &[-1]);
        debug_assert!(emptied.is_ok(), "an attached place can be emptied: {emptied:?}");
    }

    /// Arms a receive that goes on standing.
    pub(super) fn receive(&mut self, place: u16, tag: u64) {
        let entry = opcode::RecvMsgMulti::new(Fixed(place.into()), &raw const *self.message, GROUP);
        self.push(&entry.build().user_data(tag));
    }

    /// Watches a socket: a completion whenever something comes.
    pub(super) fn watch(&mut self, place: u16, tag: u64) {
        let entry = opcode::PollAdd::new(Fixed(place.into()), POLLIN as u32).multi(true);
        self.push(&entry.build().user_data(tag));
    }

    /// Likewise a file that has no place.
    pub(super) fn watch_file(&mut self, file: BorrowedFd<'_>, tag: u64) {
        let entry = opcode::PollAdd::new(Fd(file.as_raw_fd()), POLLIN as u32).multi(true);
        self.push(&entry.build().user_data(tag));
    }

    /// Ends what stands armed under `armed`. Its own completion tells when it has.
    pub(super) fn cancel(&mut self, armed: u64, tag: u64) {
        self.push(&opcode::AsyncCancel::new(armed).build().user_data(tag));
    }

    /// Hands over what is to be done, and waits until something came or the time is up; `gather` at least, unless `many`
    /// came before.
    pub(super) fn wait(&mut self, timeout: Duration, gather: Duration, many: usize) -> io::Result<()> {
        let timeout = Timespec::from(timeout);
        let arguments = SubmitArgs::new().timespec(&timeout);
        let arguments = arguments.min_wait_usec(u32::try_from(gather.as_micros()).unwrap_or(0));
        let want = if gather.is_zero() { 1 } else { many };
        match self.ring.submitter().submit_with_args(want, &arguments) {
            Err(error) if !is_passing(&error) && error.raw_os_error() != Some(ETIME) => Err(error),
            _ => Ok(()),
        }
    }

    /// The next thing that the kernel has done.
    pub(super) fn next(&mut self) -> Option<Completion> {
        let entry = self.ring.completion().next()?;
        let (flags, tag, result) = (entry.flags(), entry.user_data(), entry.result());
        Some(Completion {
            tag,
            result,
            more: cqueue::more(flags),
            buffer: cqueue::buffer_select(flags).map(Buffer),
        })
    }

    /// The first `length` bytes of a buffer.
    pub(super) fn bytes(&mut self, buffer: &Buffer, length: usize) -> &mut [u8] {
        let length = length.min(STRIDE as usize);
        // SAFETY: the buffer lies within `memory`, is initialized (zeroed at first), and is ours: the kernel gave it out
        // by a completion, and nobody else can have it while `self` is borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.memory.buffer(buffer.0), length) }
    }

    /// The kernel may fill it again, as soon as this is published.
    pub(super) fn give_back(&mut self, Buffer(number): Buffer) {
        let at = usize::from(self.tail % BUFFERS);
        let address = self.memory.buffer(number) as u64;
        // SAFETY: entry `at` lies within the ring of buffers, and the kernel does not read it before the tail is past it.
        // Its last field is not written: in the first entry that is the tail.
        unsafe {
            let entry = &mut *self.memory.entries().add(at);
            entry.set_addr(address);
            entry.set_len(STRIDE);
            entry.set_bid(number);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lets the kernel see what was given back.
    pub(super) fn publish(&mut self) {
        // SAFETY: the tail is an aligned field of the ring of buffers, written by us and read by the kernel, atomically.
        let tail = unsafe { &*BufRingEntry::tail(self.memory.entries()).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }

    /// Sends packets in their order, each from the socket of its place, and returns when the kernel has them. Those that it
    /// does not take complete with `tag`, the others not at all.
    pub(super) fn send<'a>(&mut self, packets: impl Iterator<Item = (u16, &'a [u8], SocketAddr)>, tag: u64) {
        let mut packets = packets.peekable();
        while packets.peek().is_some() {
            // The addresses stay where they are: there is never one more than there is room for.
            self.addresses.clear();
            for (place, bytes, to) in packets.by_ref().take(self.addresses.capacity()) {
                self.addresses.push(to.into());
                let to = &self.addresses[self.addresses.len() - 1];
                let length = u32::try_from(bytes.len()).unwrap_or(0);
                let entry = opcode::Send::new(Fixed(place.into()), bytes.as_ptr(), length)
                    .flags(MSG_DONTWAIT)
                    .dest_addr(to.as_ptr().cast())
                    .dest_addr_len(to.len());
                self.push(&entry.build().flags(squeue::Flags::SKIP_SUCCESS).user_data(tag));
            }
            self.submit();
        }
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: what an entry points to lives as long as the kernel may use it: see the head of this file.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.submit();
        }
    }

    /// Hands everything over.
    fn submit(&mut self) {
        while !self.ring.submission().is_empty() {
            match self.ring.submit() {
                Ok(_) => {}
                // The kernel is short of memory for the moment. To go on without it is not possible: see the head.
                Err(error) if is_passing(&error) => thread::yield_now(),
                Err(error) => panic!("io_uring does not take requests that are well formed: {error}"),
            }
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // When the ring is closed, the kernel ends what stands armed only some time later: not before our buffers are gone.
        let ended = self.ring.submitter().register_sync_cancel(None, CancelBuilder::any());
        self.memory.lost = ended.is_err_and(|error| error.kind() != io::ErrorKind::NotFound);
    }
}

impl Memory {
    fn new() -> Self {
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(Self::layout()) };
        if start.is_null() {
            handle_alloc_error(Self::layout());
        }
        Self { start, lost: false }
    }

    const fn layout() -> Layout {
        let ring = BUFFERS as usize * size_of::<BufRingEntry>();
        match Layout::from_size_align(ring + BUFFERS as usize * STRIDE as usize, PAGE) {
            Ok(layout) => layout,
            Err(_) => panic!("a page is a power of two"),
        }
    }

    fn entries(&self) -> *mut BufRingEntry {
        self.start.cast()
    }

    fn buffer(&self, number: u16) -> *mut u8 {
        assert!(number < BUFFERS, "the kernel names the buffers that it was given");
        let offset = usize::from(BUFFERS) * size_of::<BufRingEntry>() + usize::from(number) * STRIDE as usize;
        // SAFETY: within the one allocation, whose size is that of the ring and `BUFFERS` buffers.
        unsafe { self.start.add(offset) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if !self.lost {
            // SAFETY: allocated by `new` with this layout, and freed once.
            unsafe { dealloc(self.start, Self::layout()) };
        }
    }
}

/// What passes by itself.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EAGAIN | EBUSY | EINTR))
}
