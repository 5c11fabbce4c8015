//! Byte streams in bad weather: whatever a network may do to one stream of bytes, at a byte of the test's choice.
//!
//! [`Weathered`] wraps a client's end of any stream. A [`Weather`] says what becomes of each direction: how it is cut
//! into pieces, how long it stalls and where, which bits are flipped, and where it ends. All of it is decided by the
//! weather and its seed, and what has passed is kept in a [`Recording`].
//!
//! [`Skies`] dials a simulator through memory and gives each connection the weather that is its turn.

pub mod world;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bitmart_sim::Acceptor;
use bitmart_ws::connect::{BoxFuture, Dial, Io, Resolve};
use bitmart_ws::{Clock, TokioClock};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Bytes that the memory between a client and the simulator holds in each direction: less than the simulator's own
/// bound on what is unread, so that a client that doesn't read is felt there.
const MEMORY_BYTES: usize = 16 << 10;

/// Bytes of each direction that are kept in a [`Recording`]. Stories of single bytes are far shorter; floods need none.
const MAX_RECORDED_BYTES: usize = 64 << 10;

/// What becomes of one stream.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// What the client reads.
    pub inbound: Way,
    /// What the client writes.
    pub outbound: Way,
    /// Decides the lengths of pieces and the pauses between them.
    pub seed: u64,
}

impl Weather {
    /// Both directions cut into pieces of at most so many bytes, with pauses in between.
    #[must_use]
    pub fn choppy(seed: u64, max_piece_bytes: usize) -> Self {
        let way = Way {
            max_piece_bytes: Some(max_piece_bytes),
            is_restless: true,
            ..Way::default()
        };
        Self {
            inbound: way.clone(),
            outbound: way,
            seed,
        }
    }
}

/// What becomes of one direction. By default nothing does.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Bytes that pass at once, at most; the seed says how many each time.
    pub max_piece_bytes: Option<usize>,
    /// Every other piece or so is late by one poll.
    pub is_restless: bool,
    /// How long each piece takes.
    pub pace: Duration,
    /// Nothing passes for so long once so many bytes have.
    pub stall: Option<(u64, Duration)>,
    /// The stream ends once so many bytes have passed.
    pub cut: Option<(u64, End)>,
    /// Bits that arrive as their opposite: which byte, counted from 0, and which of its bits.
    pub flips: Vec<(u64, u8)>,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With an end of file. Of what the client reads: nothing follows. Of what it writes: the other side reads an end
    /// and may still speak.
    Eof,
    /// With an error, in both directions, for both sides.
    Reset,
}

/// What has passed through a stream, as it arrived: the first 64 KiB of each direction.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// What the client has read.
    pub inbound: Vec<u8>,
    /// What the other side was sent.
    pub outbound: Vec<u8>,
    /// For each piece read: how many bytes had been read with it, and when that was, in nanoseconds.
    pub reads: Vec<(usize, u64)>,
}

impl Recording {
    fn read(&mut self, piece: &[u8], at_ns: u64) {
        if self.inbound.len() + piece.len() <= MAX_RECORDED_BYTES {
            self.inbound.extend_from_slice(piece);
            self.reads.push((self.inbound.len(), at_ns));
        }
    }

    fn written(&mut self, piece: &[u8]) {
        if self.outbound.len() + piece.len() <= MAX_RECORDED_BYTES {
            self.outbound.extend_from_slice(piece);
        }
    }

    /// When the byte before this place was read.
    #[must_use]
    pub fn read_at_ns(&self, end: usize) -> Option<u64> {
        let read = self.reads.iter().find(|(passed, _)| *passed >= end);
        read.map(|(_, at_ns)| *at_ns)
    }
}

/// Where a frame from the other side lies in what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its head: two to ten bytes.
    pub head: Range<usize>,
    /// The end of its payload, which may not have been read to.
    pub end: usize,
}

/// The frames behind the answer to the upgrade, the last of them perhaps incomplete. Written by itself rather than with
/// the client's reader, so that a mistake has to be made twice.
#[must_use]
pub fn frames(inbound: &[u8]) -> Vec<Frame> {
    const END_OF_ANSWER: &[u8] = b"\r\n\r\n";
    let answer = inbound
        .windows(END_OF_ANSWER.len())
        .position(|window| window == END_OF_ANSWER);
    let Some(answer) = answer else {
        return Vec::new();
    };
    let mut frames = Vec::new();
    let mut start = answer + END_OF_ANSWER.len();
    while let Some([_, length]) = inbound.get(start..start + 2) {
        let extra = match length & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(extended) = inbound.get(start + 2..start + 2 + extra) else {
            break;
        };
        let payload = match extended {
            [] => usize::from(length & 0x7f),
            bytes => bytes
                .iter()
                .fold(0_usize, |sum, byte| sum.saturating_mul(256) + usize::from(*byte)),
        };
        let head = start..start + 2 + extra;
        let end = head.end.saturating_add(payload);
        frames.push(Frame { head, end });
        if end > inbound.len() {
            break;
        }
        start = end;
    }
    frames
}

/// A stream under a [`Weather`].
pub struct Weathered<S> {
    /// `None` once a reset has ended it.
    inner: Option<S>,
    inbound: Front,
    outbound: Front,
    /// How it has ended, for whoever reads.
    read_end: Option<End>,
    /// How it has ended, for whoever writes.
    write_end: Option<End>,
    /// Who waits for a byte, and has to hear of a reset instead.
    reader: Option<Waker>,
    scratch: Vec<u8>,
    recording: Arc<Mutex<Recording>>,
    clock: TokioClock,
}

/// One direction on its way.
struct Front {
    way: Way,
    passed: u64,
    rng: fastrand::Rng,
    sleep: Option<Pin<Box<Sleep>>>,
    /// The pause before the next piece has been made.
    is_rested: bool,
}

/// What may pass now.
enum Pass {
    /// So many bytes, at least one.
    Bytes(usize),
    End(End),
}

impl Front {
    fn new(way: Way, seed: u64) -> Self {
        Self {
            way,
            passed: 0,
            rng: fastrand::Rng::with_seed(seed),
            sleep: None,
            is_rested: false,
        }
    }

    fn is_cut(&self) -> bool {
        self.way.cut.is_some_and(|(at, _)| at <= self.passed)
    }

    fn poll_pass(&mut self, cx: &mut Context<'_>) -> Poll<Pass> {
        loop {
            if let (true, Some((_, end))) = (self.is_cut(), self.way.cut) {
                return Poll::Ready(Pass::End(end));
            }
            if let Some(sleeping) = &mut self.sleep {
                ready!(sleeping.as_mut().poll(cx));
                self.sleep = None;
            }
            if let Some((_, time)) = self.way.stall.take_if(|(at, _)| *at == self.passed) {
                self.sleep = Some(Box::pin(sleep(time)));
                continue;
            }
            if std::mem::replace(&mut self.is_rested, true) {
                break;
            }
            if !self.way.pace.is_zero() {
                self.sleep = Some(Box::pin(sleep(self.way.pace)));
            } else if self.way.is_restless && self.rng.bool() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let mut bytes = match self.way.max_piece_bytes {
            Some(max) => self.rng.usize(1..=max.max(1)),
            None => usize::MAX,
        };
        let stops = [
            self.way.cut.map(|(at, _)| at),
            self.way.stall.map(|(at, _)| at).filter(|at| *at > self.passed),
        ];
        for stop in stops.into_iter().flatten() {
            bytes = bytes.min(usize::try_from(stop - self.passed).unwrap_or(usize::MAX));
        }
        Poll::Ready(Pass::Bytes(bytes))
    }

    /// Flips what is to be flipped in a piece that begins where the direction stands.
    fn flip(&self, piece: &mut [u8]) {
        for (at, bit) in &self.way.flips {
            let offset = at
                .checked_sub(self.passed)
                .and_then(|at| usize::try_from(at).ok());
            if let Some(byte) = offset.and_then(|at| piece.get_mut(at)) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    fn pass(&mut self, bytes: usize) {
        self.passed += bytes as u64;
        self.is_rested = false;
    }
}

impl<S> Weathered<S> {
    /// Puts a stream under a weather. What passes is kept in `recording`, with times of `clock`.
    pub fn new(inner: S, weather: Weather, recording: Arc<Mutex<Recording>>, clock: TokioClock) -> Self {
        Self {
            inner: Some(inner),
            inbound: Front::new(weather.inbound, weather.seed),
            outbound: Front::new(weather.outbound, !weather.seed),
            read_end: None,
            write_end: None,
            reader: None,
            scratch: Vec::new(),
            recording,
            clock,
        }
    }

    fn recording(&self) -> MutexGuard<'_, Recording> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Both directions are over, and the other side finds out.
    fn end_all(&mut self, end: End) {
        self.inner = None;
        self.read_end = Some(end);
        self.write_end.get_or_insert(end);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Weathered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.read_end.is_none() {
            this.reader = Some(cx.waker().clone());
            match ready!(this.inbound.poll_pass(cx)) {
                Pass::End(end) => this.end_all(end),
                Pass::Bytes(bytes) => {
                    let Some(inner) = &mut this.inner else {
                        return Poll::Ready(Ok(()));
                    };
                    let bytes = bytes.min(buf.remaining()).min(MEMORY_BYTES);
                    if this.scratch.len() < bytes {
                        this.scratch.resize(bytes, 0);
                    }
                    let mut piece = ReadBuf::new(&mut this.scratch[..bytes]);
                    ready!(Pin::new(inner).poll_read(cx, &mut piece))?;
                    let piece = piece.filled_mut();
                    this.inbound.flip(piece);
                    buf.put_slice(piece);
                    let count = piece.len();
                    this.inbound.pass(count);
                    let at_ns = this.clock.now_ns();
                    let mut recording = this.recording.lock().unwrap_or_else(PoisonError::into_inner);
                    recording.read(&this.scratch[..count], at_ns);
                    return Poll::Ready(Ok(()));
                }
            }
        }
        Poll::Ready(match this.read_end {
            Some(End::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
            _ => Ok(()),
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Weathered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.write_end.is_none() {
            let pass = ready!(this.outbound.poll_pass(cx));
            if let (Pass::Bytes(bytes), Some(inner)) = (pass, &mut this.inner) {
                this.scratch.clear();
                this.scratch.extend_from_slice(&buf[..bytes.min(buf.len())]);
                this.outbound.flip(&mut this.scratch);
                let count = ready!(Pin::new(inner).poll_write(cx, &this.scratch))?;
                this.outbound.pass(count);
                let sent = &this.scratch[..count];
                let mut recording = this.recording.lock().unwrap_or_else(PoisonError::into_inner);
                recording.written(sent);
                drop(recording);
                this.end_outbound(cx);
                return Poll::Ready(Ok(count));
            }
            this.end_outbound(cx);
        }
        Poll::Ready(Err(match this.write_end {
            Some(End::Reset) => io::ErrorKind::ConnectionReset.into(),
            _ => io::ErrorKind::BrokenPipe.into(),
        }))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Some(inner) => Pin::new(inner).poll_flush(cx),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Some(inner) => Pin::new(inner).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncWrite + Unpin> Weathered<S> {
    /// Ends what is written, if it is to end here: the other side is not to wait for a write that never comes.
    fn end_outbound(&mut self, cx: &mut Context<'_>) {
        let Some((_, end)) = self.outbound.way.cut.filter(|_| self.outbound.is_cut()) else {
            return;
        };
        self.write_end = Some(end);
        match (end, &mut self.inner) {
            (End::Reset, _) => self.end_all(End::Reset),
            // A stream in memory ends at once; one that doesn't ends with the drop.
            (End::Eof, Some(inner)) => drop(Pin::new(inner).poll_shutdown(cx)),
            (End::Eof, None) => {}
        }
    }
}

impl<S> fmt::Debug for Weathered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weathered")
            .field("inbound_bytes", &self.recording().inbound.len())
            .field("outbound_bytes", &self.recording().outbound.len())
            .finish_non_exhaustive()
    }
}

/// Dials a simulator through memory: the first connections under one weather each, all others under a fair one.
#[derive(Clone, Debug)]
pub struct Skies {
    acceptor: Acceptor,
    clock: TokioClock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    next: VecDeque<Weather>,
    recordings: Vec<Arc<Mutex<Recording>>>,
}

impl Skies {
    /// Connections to `acceptor`, under these weathers in turn.
    #[must_use]
    pub fn new(acceptor: Acceptor, clock: TokioClock, weathers: impl IntoIterator<Item = Weather>) -> Self {
        let state = State {
            next: weathers.into_iter().collect(),
            recordings: Vec::new(),
        };
        Self {
            acceptor,
            clock,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// What has passed through each connection so far.
    #[must_use]
    pub fn recordings(&self) -> Vec<Recording> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = |recording: &Arc<Mutex<Recording>>| {
            recording.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        state.recordings.iter().map(copy).collect()
    }
}

impl Dial for Skies {
    fn dial(&self, _address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        let (ours, theirs) = tokio::io::duplex(MEMORY_BYTES);
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move { acceptor.serve(theirs).await });
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let weather = state.next.pop_front().unwrap_or_default();
        let recording = Arc::<Mutex<Recording>>::default();
        state.recordings.push(recording.clone());
        drop(state);
        let stream = Weathered::new(ours, weather, recording, self.clock);
        Box::pin(async move { Ok(Box::new(stream) as Box<dyn Io>) })
    }
}

/// Resolves every name to an address that nobody dials.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Resolve for Nowhere {
    fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]) })
    }
}
