use crate::out;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use kubetape::gather::{Counts, Progress};
use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};
use tokio::{sync::oneshot, task::JoinHandle};

/// How to show what is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Show {
    /// A bar on a terminal, else a line every 10 s.
    Auto,
    /// A line every 10 s.
    Plain,
    /// A JSON object a line, every second.
    Json,
    /// Nothing.
    None,
}

/// What shows the progress; it ends when it is told to.
pub(super) struct Shown {
    task: JoinHandle<()>,
    end: oneshot::Sender<()>,
}

impl Shown {
    /// Shows the last state, and no more.
    pub(super) async fn end(self) {
        let _ = self.end.send(());
        let _ = self.task.await;
    }
}

/// Begins to show the progress.
pub(super) fn show(progress: &Progress, how: Show) -> Shown {
    let (end, mut ended) = oneshot::channel();
    let progress = progress.clone();
    let terminal = how == Show::Auto && stderr().is_terminal();
    let bar = terminal.then(bar);
    let pause = match how {
        _ if terminal => Duration::from_millis(100),
        Show::Json => Duration::from_secs(1),
        _ => Duration::from_secs(10),
    };
    let task = tokio::spawn(async move {
        while tokio::time::timeout(pause, &mut ended).await.is_err() {
            match &bar {
                Some(bar) => draw(bar, &progress.counts()),
                None => tell(&progress.counts(), how),
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        } else if how == Show::Json {
            tell(&progress.counts(), how);
        }
    });
    Shown { task, end }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(" {bar:24} {pos}/{len} kinds   {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn draw(bar: &ProgressBar, counts: &Counts) {
    bar.set_length(counts.kinds);
    bar.set_position(counts.kinds_done);
    bar.set_message(words(counts));
}

fn words(counts: &Counts) -> String {
    let mut text = format!("{} objects   ", counts.objects);
    if counts.logs > 0 {
        text += &format!("{} logs   ", counts.logs);
    }
    if counts.changes > 0 {
        text += &format!("{} changes   ", counts.changes);
    }
    text + &format!("{:.1} MB   {}", counts.bytes as f64 / 1e6, counts.now)
}

fn tell(counts: &Counts, how: Show) {
    match how {
        Show::Json => out::talk(&serde_json::to_string(counts).unwrap_or_default()),
        Show::None => {}
        _ => {
            out::talk(&format!(" gather   {}/{} kinds   {}", counts.kinds_done, counts.kinds, words(counts)))
        }
    }
}
