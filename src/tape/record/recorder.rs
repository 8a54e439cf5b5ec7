use super::RecordLayer;
use crate::{
    entropy::{self, Offset},
    scrub::Scrubber,
    tape::{Error, Event, FORMAT_VERSION, Header, Writer, scrub_again},
};
use kube::client::{ClientBuilder, retry::RetryPolicy};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tower::{buffer::BufferLayer, retry::RetryLayer};

/// The error of a [`Event::Failed`] or [`Event::Closed`] whose request or watch the client gave up: nothing
/// that a server said, and nothing that a player has to replay.
pub const DROPPED: &str = "dropped by the client";

/// Requests that may wait in front of the connection; kube's own default is 1024, and operators have few.
const BUFFER: usize = 64;

/// Writes one tape for any number of actors. Clones share it.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Session>>);

/// Time since the start of a recording.
type Clock = Box<dyn Fn() -> Duration + Send>;

struct Session {
    path: PathBuf,
    /// `None` when the tape is finished or broken.
    writer: Option<Writer>,
    scrubber: Scrubber,
    clock: Clock,
    requests: u64,
    events: u64,
    error: Option<Error>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recorder({})", self.session().path.display())
    }
}

impl Recorder {
    /// Begins a tape at `path`. An empty `base`, `tool` or `redacted` of the header is filled in.
    ///
    /// # Errors
    /// [`Error::Write`] when the file cannot be made.
    pub fn create(path: impl AsRef<Path>, header: Header) -> Result<Self, Error> {
        let start = entropy::instant();
        Self::with_clock(path, header, move || entropy::instant().duration_since(start))
    }

    /// As [`Recorder::create`], with the time since the start by another clock than that of this machine.
    ///
    /// # Errors
    /// As [`Recorder::create`].
    pub fn with_clock(
        path: impl AsRef<Path>,
        mut header: Header,
        clock: impl Fn() -> Duration + Send + 'static,
    ) -> Result<Self, Error> {
        header.version = FORMAT_VERSION;
        if header.base.is_empty() {
            header.base = entropy::now().to_string();
        }
        if header.tool.is_empty() {
            header.tool = concat!("kubetape ", env!("CARGO_PKG_VERSION")).to_owned();
        }
        if header.redacted.is_empty() {
            header.redacted = Scrubber::describe();
        }
        let path = path.as_ref().to_owned();
        let writer = Some(Writer::create(&path, &header)?);
        let scrubber = Scrubber::new();
        let session =
            Session { path, writer, scrubber, clock: Box::new(clock), requests: 0, events: 0, error: None };
        Ok(Self(Arc::new(Mutex::new(session))))
    }

    /// A layer that records what passes as sent by `actor`. Put it outside of authentication and inside of
    /// retries, as [`Recorder::client`] does.
    pub fn layer(&self, actor: &str) -> RecordLayer {
        RecordLayer { recorder: self.clone(), actor: actor.into() }
    }

    /// A client for `actor` whose every attempt is recorded. kube's own retries are switched off and put
    /// outside of the recorder, where they would otherwise hide what they do.
    ///
    /// # Errors
    /// When kube cannot make a client of `config`.
    pub fn client(&self, mut config: kube::Config, actor: &str) -> kube::Result<kube::Client> {
        config.default_retry = false;
        Ok(ClientBuilder::try_from(config)?
            .with_layer(&self.layer(actor))
            .with_layer(&BufferLayer::new(BUFFER))
            .with_layer(&RetryLayer::new(RetryPolicy::server_retry()))
            .build())
    }

    /// Records something that the scenario did and that is no request: `start`, `kill`, `restart`, ….
    pub fn step(&self, step: &str, of: &str) {
        self.record(Event::Step { step: step.to_owned(), of: of.to_owned() });
    }

    /// How many events are on the tape; it grows with all traffic, also with watch frames.
    pub fn events_written(&self) -> u64 {
        self.session().events
    }

    /// Ends the tape in good order and gives its path. What comes later is not recorded.
    ///
    /// # Errors
    /// The first [`Error::Write`] since the start: a tape with a hole is not finished.
    pub fn finish(&self) -> Result<PathBuf, Error> {
        self.finish_as("ok")
    }

    /// Ends the tape with another word than `ok`: why the recording ended early.
    ///
    /// # Errors
    /// As [`Recorder::finish`].
    pub fn finish_as(&self, end: &str) -> Result<PathBuf, Error> {
        let mut session = self.session();
        if let Some(error) = session.error.take() {
            return Err(error);
        }
        let Some(writer) = session.writer.take() else { return Ok(session.path.clone()) };
        let path = writer.finish(end)?;
        // A value may have been written before it was learnt that it is a secret.
        scrub_again(&path, &mut session.scrubber)?;
        Ok(path)
    }

    /// A new request's id, and its record.
    pub(super) fn sent(&self, make: impl FnOnce(String) -> Event) -> String {
        let mut session = self.session();
        session.requests += 1;
        let id = format!("r{}", session.requests);
        session.record(make(id.clone()));
        id
    }

    pub(super) fn record(&self, event: Event) {
        self.session().record(event);
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        // A panic elsewhere leaves whole records behind, so the tape may go on.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// The offset is read under the lock, so that offsets rise with the numbers.
    fn record(&mut self, event: Event) {
        let Some(writer) = &mut self.writer else { return };
        let clean = self.scrubber.clean(event);
        let at = Offset((self.clock)());
        match writer.append(at, clean) {
            Ok(n) => self.events = n,
            Err(error) => {
                self.error = Some(error);
                self.writer = None;
            }
        }
    }
}
