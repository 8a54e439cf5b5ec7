use super::{
    Error, KindReport, LogReport, Manifest, Missing, Options, Progress,
    ahead::{Ahead, Running},
    api::{Api, Refusal},
    items::Piece,
    layout::{log_path, table_path},
    list::{self, End, Part},
    logs::{self, Log},
    object::{self, Age, Object},
    options::Wanted,
    related::Key,
    sink::Sink,
    watch::Lookout,
};
use crate::scrub::{Scrub, Scrubber};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Seek, SeekFrom, Write},
};
use tempfile::SpooledTempFile;

/// What is kept in memory of a file that is still growing.
const SPOOL: usize = 512 << 10;
/// A longer line of a log is scrubbed in pieces.
const LINE: usize = 256 << 10;
/// What of such a line waits for the next piece; no secret that is looked for in logs is longer.
const OVERLAP: usize = 16 << 10;

/// Takes what comes of the cluster, scrubs it and writes it down.
pub(super) struct Collector<'a> {
    pub(super) api: Api,
    pub(super) options: &'a Options,
    pub(super) sink: &'a mut Sink,
    pub(super) progress: &'a Progress,
    pub(super) scrubber: Scrubber,
    /// The resourceVersion of each list.
    pub(super) versions: BTreeMap<String, String>,
    /// What is to be watched afterwards.
    pub(super) lookout: Lookout,
    /// Logs that the pods should have.
    logs: Vec<Log>,
    /// The custom kinds of which there is something, as the names of their definitions.
    custom: BTreeSet<String>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(api: Api, options: &'a Options, sink: &'a mut Sink, progress: &'a Progress) -> Self {
        let (scrubber, versions) = (Scrubber::new(), BTreeMap::new());
        let (logs, custom) = (Vec::new(), BTreeSet::new());
        let lookout = Lookout::new(options);
        Self { api, options, sink, progress, scrubber, versions, lookout, logs, custom }
    }

    /// Reads all kinds, and gives what came of each.
    pub(super) async fn kinds(&mut self, wanted: Vec<Wanted>) -> Result<Vec<KindReport>, Error> {
        let (api, bounds) = (self.api.clone(), self.options.bounds());
        let mut lists = Ahead::new(wanted, self.options.concurrency, move |wanted: &Wanted, to| {
            let (api, asks) = (api.clone(), wanted.asks.clone());
            let read = async move {
                for ask in asks {
                    list::read(&api, &ask, bounds, &to).await;
                }
            };
            tokio::spawn(read).abort_handle()
        });
        let mut reports = Vec::new();
        while let Some(running) = lists.next() {
            let report = KindReport::new(&running.job.kind);
            self.progress.now(&running.job.kind.full_name());
            let report = self.kind(running, report).await?;
            if !report.group.is_empty() && report.objects > 0 {
                self.custom.insert(format!("{}.{}", report.plural, report.group));
            }
            reports.push(report);
            self.progress.kind_done();
            self.sink.flush()?;
        }
        Ok(reports)
    }

    /// Writes the members of a family, kind by kind, and gives what came of each kind that has any.
    pub(super) fn family(
        &mut self,
        kinds: &[Wanted],
        members: BTreeMap<Key, (Option<Value>, Piece)>,
    ) -> Result<Vec<KindReport>, Error> {
        let mut by_kind: BTreeMap<usize, Vec<(Option<Value>, Piece)>> = BTreeMap::new();
        for ((at, ..), member) in members {
            by_kind.entry(at).or_default().push(member);
        }
        let mut reports = Vec::new();
        for (at, members) in by_kind {
            let wanted = &kinds[at];
            // Objects that were read one by one are not of one version.
            let mut report = KindReport { consistent: members.len() < 2, ..KindReport::new(&wanted.kind) };
            let mut table = Table::default();
            for (columns, piece) in members {
                columns.into_iter().for_each(|columns| table.columns(columns));
                self.keep(wanted, piece, &mut table, &mut report, true)?;
            }
            self.close(wanted, table)?;
            reports.push(report);
            self.progress.kind_done();
        }
        Ok(reports)
    }

    fn close(&mut self, wanted: &Wanted, table: Table) -> Result<(), Error> {
        if let Some((length, mut lines)) = table.close()? {
            let path = table_path(&wanted.kind.group, &wanted.kind.plural);
            self.sink.put_from(&path, length, &mut lines)?;
        }
        Ok(())
    }

    async fn kind(
        &mut self,
        mut list: Running<Wanted, Part>,
        mut report: KindReport,
    ) -> Result<KindReport, Error> {
        let mut table = Table::default();
        let mut ends = 0;
        // The lists count the server's time alone; a fast server with an endless list is ended here.
        let mut late = std::pin::pin!(tokio::time::sleep(self.options.timeout * 2));
        while ends < list.job.asks.len() {
            let part = tokio::select! {
                biased;
                () = self.progress.stopped() => None,
                () = &mut late => {
                    report.missing.push(Missing::of(list.job.kind.full_name(), Refusal::late()));
                    break;
                }
                part = list.parts.recv() => part,
            };
            match part {
                Some(Part::Columns(columns)) => table.columns(columns),
                Some(Part::Items(pieces)) => {
                    for piece in pieces {
                        self.keep(&list.job, piece, &mut table, &mut report, false)?;
                    }
                }
                Some(Part::End(end)) => {
                    self.end(&list.job, ends, end, &mut report);
                    ends += 1;
                }
                None => {
                    report.missing.push(Missing::stopped(list.job.kind.full_name()));
                    break;
                }
            }
        }
        self.close(&list.job, table)?;
        Ok(report)
    }

    fn end(&mut self, wanted: &Wanted, at: usize, end: End, report: &mut KindReport) {
        let ask = &wanted.asks[at];
        let name = wanted.kind.full_name();
        let place = ask.namespace.as_ref().map_or(name.clone(), |namespace| format!("{namespace}/{name}"));
        self.lookout.listed(wanted, ask, &end);
        report.consistent &= end.consistent;
        if let Some(refusal) = end.refusal {
            report.missing.push(Missing::of(place.clone(), refusal));
        }
        if let Some(version) = end.resource_version {
            self.versions.insert(place, version);
        }
    }

    /// One item of a list, or an object that was chosen by itself; what cannot be used is named.
    fn keep(
        &mut self,
        wanted: &Wanted,
        piece: Piece,
        table: &mut Table,
        report: &mut KindReport,
        chosen: bool,
    ) -> Result<(), Error> {
        let object = match piece {
            Piece::Item(bytes) => Object::parse(&bytes, &wanted.kind),
            Piece::TooLarge { head, bytes } => {
                Err(object::too_large(&head, bytes, &wanted.kind, self.options.largest))
            }
            Piece::Field(..) => return Ok(()),
        };
        let written = match object {
            Ok(object) if !chosen && !self.is_wanted(wanted, &object) => return Ok(()),
            Ok(object) if !table.is_new(&object) => return Ok(()),
            Ok(object) => self.object(wanted, object, table)?,
            Err(missing) => Err(missing),
        };
        match written {
            Ok(()) => report.objects += 1,
            Err(missing) => report.missing.push(missing),
        }
        Ok(())
    }

    fn is_wanted(&self, wanted: &Wanted, object: &Object) -> bool {
        let definition = wanted.beside && wanted.kind.plural == "customresourcedefinitions";
        wanted.admits(self.options, object.namespace(), object.name())
            // What stands beside the others is read after them.
            && (!definition || self.custom.contains(object.name()))
    }

    fn object(
        &mut self,
        wanted: &Wanted,
        mut object: Object,
        table: &mut Table,
    ) -> Result<Result<(), Missing>, Error> {
        if self.options.logs != super::Logs::None && wanted.kind.full_name() == "pods" {
            self.logs.extend(logs::of_pod(&object.value, self.options.logs));
        }
        self.lookout.saw(&object);
        object.quiet(&wanted.kind, self.options.managed_fields);
        if !self.options.include_secrets {
            object.scrub(&mut self.scrubber);
        }
        let yaml = match object.yaml() {
            Ok(yaml) => yaml,
            Err(missing) => return Ok(Err(missing)),
        };
        self.sink.put(&object.path(&wanted.kind), yaml.as_bytes())?;
        self.progress.object(yaml.len());
        if let Some(line) = object::row(&object, &table.ages) {
            table.line(line.as_bytes()).map_err(Error::Spool)?;
        }
        Ok(Ok(()))
    }

    /// Reads the logs of the pods that were read.
    pub(super) async fn logs(&mut self) -> Result<LogReport, Error> {
        let (api, options) = (self.api.clone(), self.options.clone());
        let width = self.options.concurrency;
        let jobs = std::mem::take(&mut self.logs);
        let mut reading = Ahead::new(jobs, width, move |log: &Log, to| {
            let (api, log) = (api.clone(), log.clone());
            let query = logs::query(&log, &options);
            tokio::spawn(async move { logs::read(&api, &log, &query, &to).await }).abort_handle()
        });
        let mut report = LogReport::default();
        while let Some(running) = reading.next() {
            let log = running.job.clone();
            let what = format!("{}/{}/{}", log.namespace, log.pod, log.container);
            self.progress.now(&format!("logs of {what}"));
            if self.progress.is_stopped() {
                report.missing.push(Missing::stopped(what));
                continue;
            }
            match self.log(running).await? {
                Ok(()) => report.files += 1,
                Err(refusal) => report.missing.push(Missing::of(what, refusal)),
            }
        }
        Ok(report)
    }

    async fn log(
        &mut self,
        mut running: Running<Log, Result<Bytes, Refusal>>,
    ) -> Result<Result<(), Refusal>, Error> {
        let mut spool = SpooledTempFile::new(SPOOL);
        let (mut line, mut refusal, mut came) = (Vec::new(), None, false);
        while let Some(part) = running.parts.recv().await {
            let chunk = match part {
                Ok(chunk) => chunk,
                Err(error) => {
                    refusal = Some(error);
                    break;
                }
            };
            came = true;
            for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(piece);
                if piece.ends_with(b"\n") {
                    self.line(&mut line, 0, &mut spool)?;
                } else if line.len() > LINE {
                    self.line(&mut line, OVERLAP, &mut spool)?;
                }
            }
        }
        if let Some(refusal) = refusal.take_if(|_| !came) {
            return Ok(Err(refusal));
        }
        self.line(&mut line, 0, &mut spool)?;
        let length = spool.stream_position().map_err(Error::Spool)?;
        spool.seek(SeekFrom::Start(0)).map_err(Error::Spool)?;
        let Log { namespace, pod, container, previous } = &running.job;
        self.sink.put_from(&log_path(namespace, pod, container, *previous), length, &mut spool)?;
        self.progress.log(length);
        Ok(refusal.map_or(Ok(()), Err))
    }

    /// Writes a line but its last `kept` bytes, which may be the beginning of a secret.
    fn line(&mut self, line: &mut Vec<u8>, kept: usize, spool: &mut SpooledTempFile) -> Result<(), Error> {
        let letters = if kept == 0 { line.len() } else { logs::whole_letters(line) };
        let rest = line.split_off(letters);
        let mut text = String::from_utf8_lossy(line).into_owned();
        if !self.options.include_secrets {
            self.scrubber.text(&mut text);
        }
        let at =
            (0..=text.len().saturating_sub(kept)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        line.clear();
        line.extend_from_slice(&text.as_bytes()[at..]);
        line.extend(rest);
        spool.write_all(&text.as_bytes()[..at]).map_err(Error::Spool)
    }

    /// A document of the server's, without the secrets that are known.
    pub(super) fn document(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| self.scrubber.finds_in(text));
        match text {
            Some(text) if !self.options.include_secrets => {
                let mut text = text.to_owned();
                self.scrubber.text(&mut text);
                self.sink.put(path, text.as_bytes())
            }
            _ => self.sink.put(path, bytes),
        }
    }

    /// Writes the manifest, which says that the capture is whole.
    pub(super) fn manifest(&mut self, manifest: &Manifest) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(manifest).expect("a manifest is plain data");
        if !self.options.include_secrets {
            self.scrubber.text(&mut text);
        }
        self.sink.put("manifest.json", (text + "\n").as_bytes())
    }
}

/// The cells of one kind, on their way to a file.
#[derive(Default)]
struct Table {
    /// Digests of the names that came, since a page that is read again may bring them again.
    seen: BTreeSet<u64>,
    ages: Vec<Age>,
    lines: Option<SpooledTempFile>,
}

impl Table {
    /// Takes the columns, which come with every page.
    fn columns(&mut self, columns: Value) {
        if self.lines.is_some() {
            return;
        }
        self.ages = object::ages(&columns);
        let mut lines = SpooledTempFile::new(SPOOL);
        let head = format!("{}\n", json!({ "columnDefinitions": columns }));
        // In memory nothing can fail yet.
        let _ = lines.write_all(head.as_bytes());
        self.lines = Some(lines);
    }

    fn is_new(&mut self, object: &Object) -> bool {
        let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name());
        let digest = Sha256::digest(name.as_bytes());
        self.seen.insert(digest[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.lines.as_mut().map_or(Ok(()), |lines| lines.write_all(line))
    }

    fn close(self) -> Result<Option<(u64, SpooledTempFile)>, Error> {
        let Some(mut lines) = self.lines else { return Ok(None) };
        let length = lines.stream_position().map_err(Error::Spool)?;
        lines.seek(SeekFrom::Start(0)).map_err(Error::Spool)?;
        Ok(Some((length, lines)))
    }
}
