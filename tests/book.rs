//! The book operator: an informer under additions, changes and deletions.

mod scenarios;

use kubetape::World;
use scenarios::{book, books};

#[kubetape::test(crd(book::Book))]
async fn shelf(world: World) {
    books::shelf(world, book::run).await;
}

#[kubetape::test(crd(book::Book), bare)]
async fn shelf_bare(world: World) {
    books::shelf(world, book::run).await;
}
