//! The scenario of a recorded tape.

use user_crate::echo;

#[allow(dead_code, reason = "one of its scenarios is run here")]
#[path = "../../scenarios/echoes.rs"]
mod echoes;

#[kubetape::test(crd(echo::Echo), tape = "../../recordings/echo__lives.ktape")]
async fn lives(world: kubetape::World) {
    echoes::life(world, echo::run).await;
}
