use super::{Lookout, Note, stream::Stream};
use crate::{
    entropy::{self, Offset},
    gather::{Error, Options, Progress, api::Api},
    scrub::Scrubber,
    tape::{Event, FORMAT_VERSION, Header, Writer},
};
use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinSet};

/// How many notes wait for the one that writes.
const WAITING: usize = 16;

/// Watches everything on the lookout for `time`, or until the capture is to end, and writes a tape at `path`.
pub(in crate::gather) async fn record(
    api: &Api,
    options: &Options,
    (lookout, kubernetes): (&mut Lookout, &str),
    (scrubber, progress): (&mut Scrubber, &Progress),
    (path, time): (&Path, Duration),
) -> Result<(), Error> {
    let mut tape = Tape {
        writer: Writer::create(path, &header(kubernetes)).map_err(Error::Tape)?,
        start: entropy::instant(),
        open: BTreeSet::new(),
        scrubber,
    };
    let (mut notes, streams) = begin(api, options, lookout);
    let mut end = std::pin::pin!(tokio::time::sleep(time));
    loop {
        let note = tokio::select! {
            biased;
            () = progress.stopped() => break,
            () = &mut end => break,
            note = notes.recv() => note,
        };
        match note {
            Some(Note::Event(event, change)) => {
                tape.append(event)?;
                if change {
                    progress.change();
                }
            }
            Some(Note::Missing(missing)) => lookout.missing.push(missing),
            None => break,
        }
    }
    drop(streams);
    tape.finish()
}

/// All watches at once; they end when the set is dropped.
fn begin(api: &Api, options: &Options, lookout: &mut Lookout) -> (mpsc::Receiver<Note>, JoinSet<()>) {
    let (to, notes) = mpsc::channel(WAITING);
    let (options, ids) = (Arc::new(options.clone()), Arc::default());
    let mut streams = JoinSet::new();
    for watched in lookout.watched.drain(..) {
        let (api, options, to) = (api.clone(), Arc::clone(&options), to.clone());
        streams.spawn(Stream { api, options, watched, ids: Arc::clone(&ids), to }.run());
    }
    (notes, streams)
}

fn header(kubernetes: &str) -> Header {
    Header {
        version: FORMAT_VERSION,
        tool: format!("kubetape {}", env!("CARGO_PKG_VERSION")),
        kubernetes: kubernetes.to_owned(),
        source: "current".to_owned(),
        base: entropy::now().to_string(),
        scenario: "gather".to_owned(),
        redacted: Scrubber::describe(),
        ..Header::default()
    }
}

struct Tape<'a> {
    writer: Writer,
    start: std::time::Instant,
    /// The watches that are open.
    open: BTreeSet<String>,
    scrubber: &'a mut Scrubber,
}

impl Tape<'_> {
    fn append(&mut self, event: Event) -> Result<(), Error> {
        match &event {
            Event::Sent(sent) => drop(self.open.insert(sent.id.clone())),
            Event::Closed { of, .. } => drop(self.open.remove(of)),
            _ => {}
        }
        let clean = self.scrubber.clean(event);
        self.writer.append(Offset(self.start.elapsed()), clean).map(drop).map_err(Error::Tape)
    }

    fn finish(mut self) -> Result<(), Error> {
        for of in std::mem::take(&mut self.open) {
            self.append(Event::Closed { of, error: Some("dropped by the client".to_owned()) })?;
        }
        self.writer.finish("ok").map(drop).map_err(Error::Tape)
    }
}
