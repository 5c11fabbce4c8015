//! Repeats whatever the server of the cases says.
//!
//! Connecting, upgrading, reading, writing and closing are the client's own. What the client has no use for is here:
//! data frames are sent back, and the writer has room for them.

use std::io;
use std::time::Duration;

use bitmart_ws::connect::{ConnectConfig, Endpoint, Stream, connect};
use bitmart_ws::frame::{Frame, FrameReader, FrameWriter, Limits, WriteError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::{Failure, Way};

/// The longest message of the cases, in bytes.
const LONGEST_MESSAGE_BYTES: usize = 16 << 20;

/// Room to send the longest message back, in bytes: with it, and its header.
const WRITE_ROOM_BYTES: usize = LONGEST_MESSAGE_BYTES + 1024;

/// How long a case may take. The longest wait inside one is 100 s.
const CASE_DEADLINE: Duration = Duration::from_secs(120);

/// How long the other side has to close, as the client has it.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// The seed of the upgrade's keys and of nothing else.
const SEED: u64 = 1;

/// Goes through all cases and asks for the report.
pub(crate) fn run(way: Way, address: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut client = Client {
            way,
            address,
            rng: fastrand::Rng::with_seed(SEED),
        };
        let count: usize = client.case("getCaseCount").await?.parse()?;
        for case in 1..=count {
            client
                .case(&format!("runCase?case={case}&agent={}", way.name()))
                .await?;
        }
        client
            .case(&format!("updateReports?agent={}", way.name()))
            .await?;
        Ok(())
    })
}

struct Client<'a> {
    way: Way,
    address: &'a str,
    rng: fastrand::Rng,
}

impl Client<'_> {
    /// Runs one case to its end; returns the last text that came.
    async fn case(&mut self, target: &str) -> Result<String, Failure> {
        let endpoint: Endpoint = format!("ws://{}/{target}", self.address).parse()?;
        let connected = connect(&endpoint, &ConnectConfig::new(), &mut self.rng).await?;
        let reader = match self.way {
            Way::Production => FrameReader::new(),
            Way::Raised => FrameReader::with_limits(Limits {
                max_message_bytes: LONGEST_MESSAGE_BYTES,
                max_fragments: u32::MAX,
            }),
        };
        let mut socket = Socket {
            stream: connected.stream,
            reader,
            writer: FrameWriter::with_limit(WRITE_ROOM_BYTES),
            answers_each_frame: self.way == Way::Raised,
            echoes: target.starts_with("runCase"),
            text: String::new(),
        };
        socket.reader.feed(&connected.leftover);
        match timeout(CASE_DEADLINE, socket.talk()).await {
            // A case may end with a reset; what was made of it, the server says.
            Ok(Ok(()) | Err(_)) => Ok(socket.text),
            Err(_) => Err(format!("{target} did not end within {CASE_DEADLINE:?}").into()),
        }
    }
}

/// What came of looking at what was read.
enum Next {
    Read,
    /// The peer has closed, and has its answer in the writer.
    Closed,
    /// The peer has broken a rule, and is told so by a close frame in the writer.
    Failed,
}

struct Socket {
    stream: Stream,
    reader: FrameReader,
    writer: FrameWriter,
    answers_each_frame: bool,
    echoes: bool,
    text: String,
}

impl Socket {
    async fn talk(&mut self) -> io::Result<()> {
        loop {
            let next = self.take().await?;
            self.write().await?;
            match next {
                Next::Read => {
                    if self.read().await? == 0 {
                        return Ok(());
                    }
                }
                Next::Closed => return self.stream.shutdown().await,
                Next::Failed => {
                    let _ = timeout(CLOSE_DEADLINE, async {
                        while self.read().await? > 0 {}
                        io::Result::Ok(())
                    })
                    .await;
                    return self.stream.shutdown().await;
                }
            }
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        let count = self.stream.read(self.reader.space()).await?;
        self.reader.filled(count);
        Ok(count)
    }

    async fn write(&mut self) -> io::Result<()> {
        while !self.writer.is_empty() {
            let count = self.stream.write(self.writer.pending()).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.writer.consumed(count);
        }
        self.stream.flush().await
    }

    /// Takes the frames that are there, and queues the answers to them.
    async fn take(&mut self) -> io::Result<Next> {
        loop {
            // Borrowed frames and the writer are apart; what doesn't fit the writer is kept until it has been written.
            let unsent = match self.reader.next_frame() {
                Ok(None) => return Ok(Next::Read),
                Ok(Some(Frame::Close { code, .. })) => {
                    self.writer.close(code, "").map_err(io::Error::other)?;
                    return Ok(Next::Closed);
                }
                Ok(Some(Frame::Ping(payload))) => {
                    self.writer.pong(payload).map_err(io::Error::other)?;
                    None
                }
                Ok(Some(Frame::Pong(_))) => None,
                Ok(Some(Frame::Text(text))) if !self.echoes => {
                    self.text = String::from_utf8_lossy(text).into_owned();
                    None
                }
                Ok(Some(frame)) => match echo(&mut self.writer, frame) {
                    Ok(()) => None,
                    Err(WriteError::Full { .. }) => Some(Owned::from(frame)),
                    Err(error) => return Err(io::Error::other(error)),
                },
                Err(error) => {
                    self.writer
                        .close(Some(error.close_code()), &error.to_string())
                        .map_err(io::Error::other)?;
                    return Ok(Next::Failed);
                }
            };
            if self.answers_each_frame || unsent.is_some() {
                self.write().await?;
            }
            if let Some(unsent) = unsent {
                echo(&mut self.writer, unsent.lend()).map_err(io::Error::other)?;
            }
        }
    }
}

fn echo(writer: &mut FrameWriter, frame: Frame<'_>) -> Result<(), WriteError> {
    match frame {
        Frame::Text(text) => writer.text(text),
        Frame::Binary(bytes) => writer.binary(bytes),
        _ => Ok(()),
    }
}

/// A message that waits for room in the writer.
struct Owned {
    is_text: bool,
    payload: Vec<u8>,
}

impl From<Frame<'_>> for Owned {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::Text(text) => Self {
                is_text: true,
                payload: text.to_vec(),
            },
            Frame::Binary(bytes) => Self {
                is_text: false,
                payload: bytes.to_vec(),
            },
            _ => Self {
                is_text: true,
                payload: Vec::new(),
            },
        }
    }
}

impl Owned {
    fn lend(&self) -> Frame<'_> {
        if self.is_text {
            Frame::Text(&self.payload)
        } else {
            Frame::Binary(&self.payload)
        }
    }
}
