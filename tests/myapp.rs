//! The myapp operator: two replicas, a hand-over, a contested status, a refused change.

mod scenarios;

use kubetape::World;
use scenarios::{myapp, myapps};

#[kubetape::test(crd(myapp::MyApp))]
async fn lives(world: World) {
    myapps::life(world, myapp::run_as).await;
}

#[kubetape::test(crd(myapp::MyApp), bare)]
async fn lives_bare(world: World) {
    myapps::life_bare(world, myapp::run_as).await;
}
