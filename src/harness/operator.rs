use super::{run::Outcome, world::World};
use futures::future::BoxFuture;
use kube::Client;
use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::task::JoinHandle;

type Start = Arc<dyn Fn(Client) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// An operator that runs in a [`World`]. Clones are the same operator; dropping them does not stop it.
#[derive(Clone)]
pub struct Operator(Arc<Inner>);

struct Inner {
    name: String,
    world: World,
    start: Start,
    life: Mutex<Option<Life>>,
    /// The error that it ended with.
    error: Mutex<Option<String>>,
}

/// One incarnation, from a start to a kill.
struct Life {
    task: JoinHandle<()>,
    alive: Arc<AtomicBool>,
}

impl Operator {
    pub(super) fn new<F, Fut>(world: World, name: &str, run: F) -> Self
    where
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let run = Arc::new(run);
        let start: Start = Arc::new(move |client| {
            let future = run(client);
            Box::pin(async move { future.await.problem() })
        });
        let (name, life, error) = (name.to_owned(), Mutex::new(None), Mutex::new(None));
        let inner = Inner { name, world, start, life, error };
        let operator = Self(Arc::new(inner));
        operator.begin("start");
        operator
    }

    /// Its name, which is also its actor's on a tape.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Ends it at once, as SIGKILL would: what it has sent is sent, and no answer reaches it any more.
    ///
    /// # Panics
    /// With the operator's own panic, when that ended it before.
    pub async fn kill(&self) {
        self.0.world.step("kill", &self.0.name).await;
        self.surface().await;
        self.end();
    }

    /// Starts it again, after a [`kill`](Operator::kill) or instead of the one that runs.
    ///
    /// # Panics
    /// With the operator's own panic, when that ended it before.
    pub async fn restart(&self) {
        self.surface().await;
        self.end();
        self.begin("restart");
    }

    /// Whether it has neither ended by itself nor been killed.
    pub fn is_running(&self) -> bool {
        self.life().as_ref().is_some_and(|life| !life.task.is_finished())
    }

    /// The panic that ended it, if one did.
    pub(super) async fn panic(&self) -> Option<Box<dyn std::any::Any + Send>> {
        let life = self.life().take_if(|life| life.task.is_finished())?;
        life.task.await.err().filter(tokio::task::JoinError::is_panic).map(tokio::task::JoinError::into_panic)
    }

    /// The error that ended it, if one did.
    pub(super) fn error(&self) -> Option<String> {
        let error = self.0.error.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(format!("the operator {} ended with an error: {error}", self.0.name))
    }

    /// A panic must not be lost by ending what it has ended.
    async fn surface(&self) {
        if let Some(panic) = self.panic().await {
            std::panic::resume_unwind(panic);
        }
    }

    pub(super) fn end(&self) {
        if let Some(life) = self.life().take() {
            life.alive.store(false, Ordering::SeqCst);
            life.task.abort();
        }
    }

    /// Ends it and starts it again, as after a crash.
    pub(super) fn again(&self) {
        self.end();
        self.begin("restart");
    }

    fn begin(&self, step: &'static str) {
        let alive = Arc::new(AtomicBool::new(true));
        let (inner, fuse) = (self.0.clone(), alive.clone());
        let task = tokio::spawn(async move {
            inner.world.step(step, &inner.name).await;
            let client = inner.world.client_of(&inner.name, Some(fuse));
            let problem = (inner.start)(client).await;
            *inner.error.lock().unwrap_or_else(PoisonError::into_inner) = problem;
        });
        *self.life() = Some(Life { task, alive });
    }

    fn life(&self) -> std::sync::MutexGuard<'_, Option<Life>> {
        self.0.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operator({})", self.0.name)
    }
}

/// The name that a function of an operator gives it: `my::echo::run` is `echo`.
pub(super) fn name_of<F>() -> String {
    let path = std::any::type_name::<F>();
    let path = path.split('<').next().unwrap_or(path);
    let mut parts = path.rsplit("::").filter(|part| !part.starts_with("{{"));
    let (last, before) = (parts.next().unwrap_or("operator"), parts.next());
    match before {
        Some(module) if last.starts_with("run") || last == "main" => module.to_owned(),
        _ => last.to_owned(),
    }
}
