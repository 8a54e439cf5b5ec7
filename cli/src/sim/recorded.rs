use crate::{exit::Unsafe, out};
use anyhow::Result;
use futures::future::BoxFuture;
use http::header;
use kubetape::{
    sim::Sim,
    tape::{Header, Recorder, SealOptions, Tape},
    wire::{Failure, Request, Response},
};
use std::{
    convert::Infallible,
    path::Path,
    task::{Context, Poll},
};
use tower::{Layer, ServiceExt};

/// What lint knows recordings of the simulator by.
const SOURCE: &str = "sim";

/// Begins a tape, unless something is there.
pub(super) fn begin(path: &Path) -> Result<Recorder> {
    if path.exists() {
        let text =
            format!("{} is there already; name another tape after --record, or remove it", path.display());
        return Err(Unsafe(text).into());
    }
    let header = Header {
        kubernetes: kubetape::sim::VERSION.to_owned(),
        source: SOURCE.to_owned(),
        scenario: "sim".to_owned(),
        ..Header::default()
    };
    Ok(Recorder::create(path, header)?)
}

/// Ends and seals it.
pub(super) fn end(recorder: &Recorder) -> Result<()> {
    let path = recorder.finish()?;
    let sealed = Tape::load(&path)?.seal(&path, &SealOptions::default())?;
    out::talk(&format!(" recorded {}   {} events", path.display(), sealed.events));
    Ok(())
}

/// A simulated cluster whose clients are recorded, each under a name of its own.
#[derive(Clone)]
pub(super) struct Recorded {
    pub(super) sim: Sim,
    pub(super) recorder: Recorder,
}

impl tower::Service<Request> for Recorded {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let service = self.recorder.layer(&actor(agent.unwrap_or_default())).layer(self.sim.clone());
        Box::pin(async move {
            let answer = service.oneshot(request).await;
            Ok(answer
                .unwrap_or_else(|error| Failure::new(500, "InternalError", error.to_string()).to_response()))
        })
    }
}

/// `kubectl` of `kubectl/v1.36.3 (linux/amd64) kubernetes/abc`.
fn actor(agent: &str) -> String {
    let word = agent.split([' ', '/']).next().unwrap_or_default();
    if word.is_empty() { "client".to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_named_by_the_first_word_of_its_agent() {
        assert_eq!(actor("kubectl/v1.36.3 (linux/amd64) kubernetes/abc"), "kubectl");
        assert_eq!(actor("web-operator"), "web-operator");
        assert_eq!(actor(""), "client");
    }
}
