//! What requests do: each verb is a function from the state and a call to a reply.
//!
//! In go parsed calls, out come replies or refusals in the server's words. Verbs wait for nothing and read no
//! clock but that of the state; watches are replies that are read later.

mod accept;
mod again;
mod apply;
mod call;
mod components;
mod convert;
mod create;
mod decode;
mod delete;
mod duplicates;
mod follow;
mod frames;
mod go_json;
mod inner;
mod names;
mod options;
mod owners;
mod patch;
mod pods;
mod published;
mod read;
mod reply;
mod restore;
mod reviews;
mod route;
mod scale;
mod scaled;
mod select;
mod services;
mod state;
mod strategy;
mod subresource;
mod table;
mod tokens;
mod typed;
mod update;
mod watch;

pub use call::Call;
pub use inner::act;
pub use names::{label_errors, label_map_errors};
pub use pods::{allow_disruptions, set_condition};
pub use reply::Reply;
pub use restore::restore;
pub use route::{Handled, handle};
pub use select::matches as selects;
pub use state::State;
pub use table::Printed;
pub use watch::{After, Watch};
