//! `kubetape gather`: a live cluster as a capture.

mod args;
mod progress;
mod secrets;

pub(crate) use args::Args;

use crate::{connect, exit, out, signals::Ends};
use anyhow::Context;
use kubetape::gather::{self, Manifest, Options, Progress};
use std::{path::Path, process::ExitCode, time::Duration};

/// Runs the command.
///
/// # Errors
/// When the filters cannot be understood, the cluster cannot be reached or the capture cannot be written.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let options = args.options()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("failed to start the runtime; see the limits of this process with `ulimit -a`")?.block_on(
        async {
            let (client, server) = connect::client(&args.cluster).await?;
            if args.print_rbac {
                let manifests = gather::rbac(client, &options, &args.rbac_namespace).await?;
                out::data(&yaml(&manifests)?)?;
                return Ok(ExitCode::SUCCESS);
            }
            capture(client, &server, &options, &args).await
        },
    )
}

fn yaml(manifests: &[serde_json::Value]) -> anyhow::Result<String> {
    let texts: Result<Vec<_>, _> = manifests.iter().map(serde_saphyr::to_string).collect();
    Ok(texts?.join("---\n"))
}

async fn capture(
    client: kube::Client,
    server: &str,
    options: &Options,
    args: &Args,
) -> anyhow::Result<ExitCode> {
    let destination = args.destination();
    let (progress, ends) = (Progress::new(), Ends::listen()?);
    let shown = progress::show(&progress, args.progress);
    let gathering = gather::gather(client, server, options, &destination, args.force, &progress);
    let done = tokio::select! {
        done = gathering => Some(done),
        () = twice(&progress, ends) => None,
    };
    shown.end().await;
    let Some(done) = done else { return Ok(ExitCode::from(exit::INTERRUPTED)) };
    let manifest = done?;
    summary(&manifest, &destination, &progress, args);
    let strict = args.strict && manifest.warnings > 0;
    Ok(if strict { ExitCode::from(exit::REFUSED) } else { ExitCode::SUCCESS })
}

/// The first signal ends the capture in good order; this returns at the second one.
async fn twice(progress: &Progress, mut ends: Ends) {
    ends.next().await;
    progress.stop();
    ends.next().await;
}

/// How many of the missing things are named on the screen.
const NAMED: usize = 10;

fn summary(manifest: &Manifest, destination: &Path, progress: &Progress, args: &Args) {
    if args.quiet {
        return;
    }
    for (place, missing) in manifest.missing().take(NAMED) {
        let what = if place.is_empty() || missing.what == place {
            missing.what.clone()
        } else {
            format!("{place} {}", missing.what)
        };
        out::talk(&format!(" missing  {what}: {}", missing.message));
    }
    if manifest.warnings > NAMED {
        out::talk(&format!(" missing  {} more, see manifest.json", manifest.warnings - NAMED));
    }
    let counts = progress.counts();
    let logs = if counts.logs > 0 { format!(", {} logs", counts.logs) } else { String::new() };
    let changes = if args.watches() { format!(", {} changes", counts.changes) } else { String::new() };
    let warnings = match manifest.warnings {
        0 => String::new(),
        n => format!("   warnings: {n} (see manifest.json)"),
    };
    let place = destination.display();
    out::talk(&format!(
        " wrote    {place}   {} objects of {} kinds{logs}{changes}{warnings}",
        counts.objects, counts.kinds_done
    ));
    if args.include_secrets {
        out::talk(" secrets  are in it as they are: --include-secrets was given");
    }
    out::talk(&format!(" try      kubetape show {place}"));
    out::talk(&format!("          kubetape serve {place} -- kubectl get all -A"));
}

/// Durations as Go and kubectl write them: 30s, 2m, 1h30m.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is no duration; write 30s, 2m or 1h30m");
    let (mut rest, mut total) = (text, 0f64);
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let unit = rest[number..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| number + at);
        let factor = match &rest[number..unit] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(bad()),
        };
        total += rest[..number].parse::<f64>().map_err(|_| bad())? * factor;
        rest = &rest[unit..];
    }
    if text.is_empty() { Err(bad()) } else { Duration::try_from_secs_f64(total).map_err(|_| bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_kubectl_reads_them() {
        let of = |text| duration(text).ok().map(|time| time.as_millis());
        assert_eq!(
            (of("30s"), of("1h30m"), of("250ms"), of("1.5m")),
            (Some(30_000), Some(5_400_000), Some(250), Some(90_000))
        );
        for bad in ["", "30", "s", "1x", "1h30", "-1s", "1e999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
