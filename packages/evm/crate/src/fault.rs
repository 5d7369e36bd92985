//! Everything that can stop a call short of its answer; the TypeScript side turns each kind into a typed error.
use crate::wire::Writer;
use core::fmt;
use revm::{database_interface::DBErrorMarker, primitives::B256};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The host does not have this trie node or code.
    NodeMissing(B256),
    /// The host's bytes do not hash to their key, or are not a trie node.
    NodeCorrupt(B256),
    /// `readNode` threw; the host kept the exception.
    HostThrew,
    /// The request itself does not decode.
    Input(&'static str),
    /// `import` mode: transaction `index` may not stand in this block.
    BlockInvalid { index: u32, code: u8, message: String },
    /// revm failed in a way that is neither an invalid transaction nor a database fault.
    Engine(String),
}

impl Fault {
    pub fn write(&self, out: &mut Writer) {
        match self {
            Self::NodeMissing(key) => {
                out.u8(1);
                out.raw(key.as_slice());
            }
            Self::NodeCorrupt(key) => {
                out.u8(2);
                out.raw(key.as_slice());
            }
            Self::HostThrew => out.u8(3),
            Self::Input(what) => {
                out.u8(4);
                out.bytes(what.as_bytes());
            }
            Self::BlockInvalid { index, code, message } => {
                out.u8(5);
                out.u32(*index);
                out.u8(*code);
                out.bytes(message.as_bytes());
            }
            Self::Engine(message) => {
                out.u8(6);
                out.bytes(message.as_bytes());
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}

impl core::error::Error for Fault {}
impl DBErrorMarker for Fault {}
