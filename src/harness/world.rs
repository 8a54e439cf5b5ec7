use super::{
    activity::Activity,
    calls::Calls,
    live::Live,
    on_sim::Simulated,
    operator::{Operator, name_of},
    replay::Replay,
    run::Outcome,
};
use crate::{cluster::Provider, tape::DRIVER};
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::{Api, Client, Resource};
use std::{
    fmt,
    future::Future,
    panic::Location,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

/// What a scenario runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ground {
    /// A recorded tape, in virtual time.
    Tape,
    /// A simulated cluster, in virtual time.
    Sim,
    /// A real control plane.
    Cluster(Provider),
}

/// The cluster as a scenario sees it, whatever it runs on. Clones are the same world.
#[derive(Clone)]
pub struct World(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) ground: On,
    pub(super) namespace: String,
    pub(super) deadline: Duration,
    /// Where the scenario stands: `tests/echo.rs:12 until(...)`.
    pub(super) place: Mutex<String>,
    pub(super) operators: Mutex<Vec<Operator>>,
    pub(super) driver: Client,
}

pub(super) enum On {
    Tape(Replay),
    Sim(Simulated),
    Cluster(Box<Live>),
}

impl World {
    pub(super) fn new(ground: On, namespace: String, deadline: Duration) -> Self {
        let driver = match &ground {
            On::Tape(replay) => replay.client(DRIVER, &namespace, None),
            On::Sim(simulated) => simulated.client(DRIVER, &namespace, None),
            On::Cluster(live) => live.client(DRIVER, None),
        };
        let (place, operators) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { ground, namespace, deadline, place, operators, driver }))
    }

    /// What it runs on.
    pub fn ground(&self) -> Ground {
        match &self.0.ground {
            On::Tape(_) => Ground::Tape,
            On::Sim(_) => Ground::Sim,
            On::Cluster(live) => Ground::Cluster(live.provider()),
        }
    }

    /// The scenario's own namespace. On a cluster it exists for this run alone.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The scenario's own client; its default namespace is [`World::namespace`].
    pub fn client(&self) -> Client {
        self.0.driver.clone()
    }

    /// The scenario's own `Api` for a namespaced type, in [`World::namespace`].
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client(), &self.0.namespace)
    }

    /// The scenario's own `Api` for a cluster-scoped type.
    pub fn cluster_api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = ClusterResourceScope>,
        K::DynamicType: Default,
    {
        Api::all(self.client())
    }

    /// Starts an operator. It is named after the module of `run`: `echo::run` is `echo`.
    pub fn run<F, Fut>(&self, run: F) -> Operator
    where
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        self.run_as(&name_of::<F>(), run)
    }

    /// Starts an operator under a name of its own, for instance one of two replicas.
    ///
    /// # Panics
    /// When an operator of that name exists: the two could not be told apart on a tape.
    #[track_caller]
    pub fn run_as<F, Fut>(&self, name: &str, run: F) -> Operator
    where
        F: Fn(Client) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Outcome> + Send + 'static,
    {
        let taken = name == DRIVER || self.operators().iter().any(|operator| operator.name() == name);
        assert!(
            !taken,
            "there is an actor named {name:?} already; name this one with `world.run_as(\"…\", run)`"
        );
        let operator = Operator::new(self.clone(), name, run);
        self.operators().push(operator.clone());
        operator
    }

    /// Lets time pass: on a tape virtual time, through every timer on the way; on a cluster real time.
    #[track_caller]
    pub fn advance(&self, time: Duration) -> impl Future<Output = ()> + Send + use<> {
        let (world, at) = (self.clone(), Location::caller());
        async move {
            world.at(at, format!("advance({time:?})"));
            tokio::time::sleep(time).await;
            world.step("advance", &format!("{time:?}")).await;
        }
    }

    /// Makes the cluster forget its history: etcd is compacted and the API server starts anew, so that every
    /// watch breaks and is answered 410 when it asks for what came before. On a tape this is a mark, and the
    /// broken watches are the taped ones.
    ///
    /// # Panics
    /// On a cluster, when the scenario is not `exclusive`, or etcd cannot be compacted.
    #[track_caller]
    pub fn compact(&self) -> impl Future<Output = ()> + Send + use<> {
        let (world, at) = (self.clone(), Location::caller());
        async move {
            world.at(at, "compact()".into());
            match &world.0.ground {
                On::Cluster(live) => live.compact().await,
                On::Sim(simulated) => simulated.sim.compact(),
                On::Tape(_) => {}
            }
            world.step("compact", "").await;
        }
    }

    /// Waits until nothing is left to do: on a tape, until it has come as far as it had when it was recorded,
    /// and all operators are idle; on a cluster, until nothing but repetitions has happened for 3 s.
    ///
    /// # Panics
    /// When that does not happen before the deadline, with who waits for what.
    #[track_caller]
    pub fn settle(&self) -> impl Future<Output = ()> + Send + use<> {
        let (world, at) = (self.clone(), Location::caller());
        async move {
            world.at(at, "settle()".into());
            match &world.0.ground {
                On::Tape(replay) => world.until_in_time(replay.settle(), "nothing is left to do").await,
                On::Sim(simulated) => world.until_in_time(simulated.settle(), "nothing is left to do").await,
                On::Cluster(live) => world.until_in_time(live.settle(), "nothing is left to do").await,
            }
        }
    }

    /// Marks a step on the tape, or waits until the tape has come to it.
    pub(super) async fn step(&self, step: &str, of: &str) {
        match &self.0.ground {
            On::Tape(replay) => replay.step(step, of).await,
            On::Sim(simulated) => simulated.step(step, of),
            On::Cluster(live) => live.step(step, of),
        }
    }

    pub(super) fn client_of(&self, actor: &str, fuse: Option<Arc<AtomicBool>>) -> Client {
        match &self.0.ground {
            On::Tape(replay) => replay.client(actor, &self.0.namespace, fuse),
            On::Sim(simulated) => simulated.client(actor, &self.0.namespace, fuse),
            On::Cluster(live) => live.client(actor, fuse),
        }
    }

    /// What went over the wire so far.
    pub(super) fn calls(&self) -> &Calls {
        match &self.0.ground {
            On::Tape(replay) => &replay.calls,
            On::Sim(simulated) => &simulated.calls,
            On::Cluster(live) => live.calls(),
        }
    }

    pub(crate) fn at(&self, at: &Location<'_>, step: String) {
        let text = format!("{}:{} {step}", at.file(), at.line());
        *self.0.place.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    pub(super) fn place(&self) -> String {
        self.0.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn operators(&self) -> std::sync::MutexGuard<'_, Vec<Operator>> {
        self.0.operators.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({:?}, {})", self.ground(), self.0.namespace)
    }
}

/// The activity of a live ground, for its room mates.
pub(super) fn quiet(activity: &Activity) -> bool {
    activity.quiet_for() > Duration::from_secs(3)
}
