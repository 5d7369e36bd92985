//! placeholder while dependencies build
pub use revm;
