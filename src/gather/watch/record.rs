use super::{
    Lookout, Watched,
    join::Newcomers,
    note::{Note, Notes},
    stream::{Next, Stream},
};
use crate::{
    entropy::{self, Offset},
    gather::{
        Error, Missing, Options, Progress, WatchReport,
        api::{Api, Why},
        collect::Collector,
        options::Wanted,
    },
    scrub::Scrubber,
    tape::{self, Event, FORMAT_VERSION, Header, Writer, record::DROPPED},
    wire::EventType,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinSet};

/// How many notes wait for the one that writes.
const WAITING: usize = 16;

/// Watches everything on the lookout for `time`, or until the capture is to end, and writes a tape at `path`.
pub(in crate::gather) async fn record(
    collector: &mut Collector<'_>,
    kubernetes: &str,
    path: &Path,
    time: Duration,
) -> Result<WatchReport, Error> {
    let header = header(kubernetes);
    let report = WatchReport {
        from: header.base.clone(),
        missing: std::mem::take(&mut collector.lookout.missing),
        ..WatchReport::default()
    };
    let writer = Writer::create(path, &header).map_err(Error::Tape)?;
    let (start, progress) = (entropy::instant(), collector.progress.clone());
    let (mut notes, mut watches, down) = begin(collector);
    let scrubber = &mut collector.scrubber;
    let mut desk = Desk { writer, start, open: BTreeSet::new(), scrubber, report, down };
    if progress.is_stopped() {
        desk.down = BTreeMap::from([(String::new(), Missing::stopped("changes"))]);
    }
    let mut end = std::pin::pin!(tokio::time::sleep(time));
    loop {
        let note = tokio::select! {
            biased;
            () = progress.stopped() => break,
            () = &mut end => break,
            note = notes.recv() => note,
        };
        let Some(note) = note else { break };
        if let Note::Join(watched) = note {
            let missing = watches.add(*watched, true);
            desk.down.insert(missing.what.clone(), missing);
            continue;
        }
        desk.take(note, &progress)?;
    }
    drop(watches);
    desk.close(path)
}

/// All watches at once, which end when the set is dropped; and what is missing as long as none is open.
fn begin(collector: &mut Collector<'_>) -> (mpsc::Receiver<Note>, Watches, BTreeMap<String, Missing>) {
    let (to, notes) = mpsc::channel(WAITING);
    let (options, to) = (Arc::new(collector.options.clone()), Notes::new(to));
    let mut watches = Watches { api: collector.api.clone(), options, to, running: JoinSet::new() };
    let mut down = BTreeMap::new();
    for watched in std::mem::take(&mut collector.lookout.watched) {
        let missing = watches.add(watched, false);
        down.insert(missing.what.clone(), missing);
    }
    // The family of one object is known from the beginning.
    if collector.options.owned_by.is_none() {
        let Lookout { kinds, namespaces, .. } = std::mem::take(&mut collector.lookout);
        watches.look_out(kinds, namespaces);
    }
    (notes, watches, down)
}

/// All watches, which end when this is dropped.
struct Watches {
    api: Api,
    options: Arc<Options>,
    to: Notes,
    running: JoinSet<()>,
}

impl Watches {
    /// Begins one, with a list where there was none; gives what is missing until it is open.
    fn add(&mut self, watched: Watched, list: bool) -> Missing {
        let missing = Missing::new(
            super::changes_of(&watched.ask),
            Why::Stopped,
            "the capture was ended before its watch began",
        );
        let (api, options, to) = (self.api.clone(), Arc::clone(&self.options), self.to.clone());
        let next = if list { Next::List } else { Next::Watch };
        self.running.spawn(Stream { api, options, watched, to, failed: 0 }.run(next));
        missing
    }

    fn look_out(&mut self, kinds: Vec<Wanted>, namespaces: Option<BTreeSet<String>>) {
        let (api, options, to) = (self.api.clone(), Arc::clone(&self.options), self.to.clone());
        self.running.spawn(Newcomers { api, options, to, kinds, namespaces }.run());
    }
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

/// Where all notes come together.
struct Desk<'a> {
    writer: Writer,
    start: Instant,
    /// The watches that are open.
    open: BTreeSet<String>,
    scrubber: &'a mut Scrubber,
    report: WatchReport,
    /// What will be missing unless it is told to be up again.
    down: BTreeMap<String, Missing>,
}

impl Desk<'_> {
    fn take(&mut self, note: Note, progress: &Progress) -> Result<(), Error> {
        match note {
            Note::Event(event) => {
                if let Event::Frame { event: kind, .. } = &event
                    && *kind != EventType::Error
                {
                    self.report.changes += 1;
                    progress.change();
                }
                self.append(event)?;
            }
            Note::Missing(missing) => {
                self.down.remove(&missing.what);
                self.report.missing.push(missing);
            }
            Note::Down(missing) => drop(self.down.insert(missing.what.clone(), missing)),
            Note::Up(what) => drop(self.down.remove(&what)),
            // It is begun before it comes here.
            Note::Join(_) => {}
        }
        Ok(())
    }

    fn append(&mut self, event: Event) -> Result<(), Error> {
        match &event {
            Event::Sent(sent) => drop(self.open.insert(sent.id.clone())),
            Event::Closed { of, .. } => drop(self.open.remove(of)),
            Event::Answer(answer) if answer.status >= 400 => drop(self.open.remove(&answer.to)),
            Event::Step { .. } => self.report.gaps += 1,
            _ => {}
        }
        let clean = self.scrubber.clean(event);
        self.writer.append(Offset(self.start.elapsed()), clean).map(drop).map_err(Error::Tape)
    }

    fn close(mut self, path: &Path) -> Result<WatchReport, Error> {
        for of in std::mem::take(&mut self.open) {
            self.append(Event::Closed { of, error: Some(DROPPED.to_owned()) })?;
        }
        self.writer.finish("ok").map_err(Error::Tape)?;
        // A Secret that was made later may hold what stands in an earlier change.
        tape::scrub_again(path, self.scrubber).map_err(Error::Tape)?;
        self.report.missing.extend(self.down.into_values());
        self.report.until = entropy::now().to_string();
        Ok(self.report)
    }
}
