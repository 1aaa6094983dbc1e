//! The ledger: for how long each gate stood where, why, and what came of it, for a year.
//!
//! Pure: moves in, stretches out ([`Course`]); stretches → sums by day ([`Row`]) → a stream's figures ([`Report`]).
//! Around it: one embedded database ([`Store`]), the sink that fills it ([`Keeper`]), readers ([`read`]) and the forms
//! it is exported in ([`export`]). `docs/ledger.md` says what is kept, for how long, and what a crash costs.

mod course;
mod error;
pub mod export;
mod keeper;
mod reading;
mod report;
mod row;
mod store;
mod stretch;

pub use course::Course;
pub use error::LedgerError;
pub use keeper::Keeper;
pub use reading::{Reading, is_kept, read};
pub use report::{Report, Saving};
pub use row::{Key, Row, Rows, Sum};
pub use store::Store;
pub use stretch::{End, Stretch};
