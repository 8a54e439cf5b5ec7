//! The echo operator, from a new Echo to its end.

mod scenarios;

use kubetape::World;
use scenarios::{echo, echoes};

#[kubetape::test(crd(echo::Echo))]
async fn lives(world: World) {
    echoes::life(world, echo::run).await;
}

#[kubetape::test(crd(echo::Echo), bare)]
async fn lives_bare(world: World) {
    echoes::life_bare(world, echo::run).await;
}
