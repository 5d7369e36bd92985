//! The only door to stored state: trie nodes and codes by their keccak, through the host, with a cache of bounded size.
use crate::{fault::Fault, keccak::keccak256};
use revm::{
    bytecode::Bytecode,
    primitives::{B256, B256Map, Bytes, KECCAK_EMPTY},
};
use std::rc::Rc;

pub type NodeBytes = Rc<[u8]>;

/// Two generations of nodes and codes: what is used moves to the young one; when that is full, the old one is dropped.
pub struct Store {
    young: B256Map<NodeBytes>,
    old: B256Map<NodeBytes>,
    young_bytes: u64,
    generation_bytes_max: u64,
    codes: B256Map<Bytecode>,
    code_bytes: u64,
    /// When false, host reads are trusted; exists so that the cost of checking can be measured.
    verify: bool,
    buffer: Vec<u8>,
}

/// Host bookkeeping of a cached node beside its bytes: hash map entry, Rc header, allocator.
const NODE_OVERHEAD_BYTES: u64 = 96;
const CODE_BYTES_MAX: u64 = 32 << 20;

impl Store {
    pub fn new(cache_bytes_max: u64, verify: bool) -> Self {
        Self {
            young: B256Map::default(),
            old: B256Map::default(),
            young_bytes: 0,
            generation_bytes_max: cache_bytes_max / 2,
            codes: B256Map::default(),
            code_bytes: 0,
            verify,
            buffer: vec![0; 4096],
        }
    }

    pub fn node(&mut self, key: &B256) -> Result<NodeBytes, Fault> {
        if let Some(node) = self.young.get(key) {
            return Ok(node.clone());
        }
        let node = match self.old.remove(key) {
            Some(node) => node,
            None => self.read(key)?,
        };
        self.keep(*key, node.clone());
        Ok(node)
    }

    pub fn keep(&mut self, key: B256, node: NodeBytes) {
        let bytes = node.len() as u64 + NODE_OVERHEAD_BYTES;
        if self.young_bytes + bytes > self.generation_bytes_max {
            self.old = core::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(key, node).is_none() {
            self.young_bytes += bytes;
        }
    }

    pub fn code(&mut self, code_hash: &B256) -> Result<Bytecode, Fault> {
        if *code_hash == KECCAK_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.codes.get(code_hash) {
            return Ok(code.clone());
        }
        let bytes = self.read(code_hash)?;
        let code = bytecode(&bytes);
        let bytes = 2 * bytes.len() as u64 + NODE_OVERHEAD_BYTES;
        if self.code_bytes + bytes > CODE_BYTES_MAX {
            self.codes.clear();
            self.code_bytes = 0;
        }
        self.code_bytes += bytes;
        self.codes.insert(*code_hash, code.clone());
        Ok(code)
    }

    fn read(&mut self, key: &B256) -> Result<NodeBytes, Fault> {
        let mut length = read_host(key, &mut self.buffer);
        if length > self.buffer.len() as i64 {
            self.buffer.resize(length as usize, 0);
            length = read_host(key, &mut self.buffer);
        }
        if length == -1 {
            return Err(Fault::NodeMissing(*key));
        }
        if length < 0 || length > self.buffer.len() as i64 {
            return Err(Fault::HostThrew);
        }
        let bytes = &self.buffer[..length as usize];
        if self.verify && keccak256(bytes) != *key {
            return Err(Fault::NodeCorrupt(*key));
        }
        Ok(Rc::from(bytes))
    }
}

/// Stored code, with its jump table. What looks like an EIP-7702 delegation but is not well-formed runs as plain code.
pub fn bytecode(bytes: &[u8]) -> Bytecode {
    let bytes = Bytes::copy_from_slice(bytes);
    Bytecode::new_raw_checked(bytes.clone()).unwrap_or_else(|_| Bytecode::new_legacy(bytes))
}

#[cfg(target_arch = "wasm32")]
mod host {
    #[link(wasm_import_module = "host")]
    unsafe extern "C" {
        /// Writes the bytes of `key` to `buffer` if they fit and returns their length; -1 when missing, -2 when it threw.
        pub fn read_node(key: *const u8, buffer: *mut u8, buffer_length: u32) -> i32;
    }
}

#[cfg(target_arch = "wasm32")]
fn read_host(key: &B256, buffer: &mut [u8]) -> i64 {
    // SAFETY: the host writes at most `buffer.len()` bytes at `buffer` and reads 32 bytes at `key`.
    unsafe { host::read_node(key.as_ptr(), buffer.as_mut_ptr(), buffer.len() as u32) as i64 }
}

#[cfg(not(target_arch = "wasm32"))]
fn read_host(_key: &B256, _buffer: &mut [u8]) -> i64 {
    -1
}
