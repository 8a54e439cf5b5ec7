use super::{
    Error, Mode, Options, Record,
    mode::{Check, Settings},
    world::Ground,
};
use crate::cluster::Provider;
use std::path::PathBuf;

/// What a scenario runs on, and what is kept of it.
pub(super) enum Choice {
    Sim { mode: Mode, path: PathBuf },
    Replay { path: PathBuf, check: Check },
    Live { provider: Provider, mode: Mode, path: PathBuf, settings: Settings },
}

/// Decides from the test's own options, the environment, and whether there is a tape.
pub(super) fn choose(options: &Options) -> Result<Choice, Error> {
    let mut mode = Mode::from_env()?;
    let settings = Settings::find(&options.package)?;
    let path = options.tape.clone().unwrap_or_else(|| settings.tape(&options.tape_file()));
    let recorded = mode.record;
    // A ground of the test's own is recorded when the test says so, not when the environment does.
    mode.record = if options.records { Record::All } else { Record::None };
    match options.ground {
        Some(Ground::Cluster(provider)) => Ok(Choice::Live { provider, mode, path, settings }),
        Some(Ground::Sim) => Ok(Choice::Sim { mode, path }),
        None if options.records => Ok(match mode.cluster {
            Some(provider) => Choice::Live { provider, mode, path, settings },
            None => Choice::Sim { mode, path },
        }),
        None if options.needs_cluster => match mode.cluster {
            _ if mode.sim => Ok(Choice::Sim { mode, path }),
            Some(provider) => Ok(Choice::Live { provider, mode, path, settings }),
            None => Err(Error::NeedsCluster { test: options.test.clone() }),
        },
        Some(Ground::Tape) if recorded == Record::None => replayed(options, path, mode.check),
        Some(Ground::Tape) | None => {
            by_environment(options, Mode { record: recorded, ..mode }, path, settings)
        }
    }
}

fn by_environment(options: &Options, mode: Mode, path: PathBuf, settings: Settings) -> Result<Choice, Error> {
    let wanted = mode.sim || mode.cluster.is_some();
    if wanted && mode.record == Record::Once && path.exists() {
        return Ok(Choice::Replay { path, check: mode.check });
    }
    match mode.cluster {
        _ if mode.sim => Ok(Choice::Sim { mode, path }),
        Some(provider) => Ok(Choice::Live { provider, mode, path, settings }),
        None if mode.record != Record::None => Err(Error::Environment {
            variable: "KUBETAPE_CLUSTER",
            value: String::new(),
            known: "sim, envtest, kwok, kind, current (KUBETAPE_RECORD needs a cluster to record on)",
        }),
        None if path.exists() || options.tape.is_some() => replayed(options, path, mode.check),
        None => Ok(Choice::Sim { mode, path }),
    }
}

fn replayed(options: &Options, path: PathBuf, check: Check) -> Result<Choice, Error> {
    if path.exists() {
        return Ok(Choice::Replay { path, check });
    }
    Err(Error::NoTape { path, test: options.test.clone() })
}
