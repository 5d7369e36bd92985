//! Requests and answers between TypeScript and this module: little-endian fixed-width integers, lengths as u32.
//! No `usize` is ever encoded, because its width differs between wasm32 and the machines that check it.
use crate::fault::Fault;
use revm::primitives::{Address, B256, U256};

#[derive(Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        if length > self.bytes.len() {
            return Err(Fault::Input("request is shorter than it says"));
        }
        let (head, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(self.raw(N)?);
        Ok(array)
    }

    pub fn u8(&mut self) -> Result<u8, Fault> {
        Ok(self.array::<1>()?[0])
    }

    pub fn flag(&mut self) -> Result<bool, Fault> {
        Ok(self.u8()? != 0)
    }

    pub fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// 32 bytes, big-endian.
    pub fn u256(&mut self) -> Result<U256, Fault> {
        Ok(U256::from_be_bytes(self.array::<32>()?))
    }

    /// A 256-bit number that must fit in 128 bits: prices.
    pub fn u128(&mut self) -> Result<u128, Fault> {
        u128::try_from(self.u256()?).map_err(|_| Fault::Input("price above 2^128"))
    }

    pub fn address(&mut self) -> Result<Address, Fault> {
        Ok(Address::from(self.array::<20>()?))
    }

    pub fn hash(&mut self) -> Result<B256, Fault> {
        Ok(B256::from(self.array::<32>()?))
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.u32()?;
        self.raw(length as usize)
    }

    /// Reads a presence byte, then the value if it says so.
    pub fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        if self.flag()? { Ok(Some(read(self)?)) } else { Ok(None) }
    }

    /// Reads a u32 count, then that many values; `itemBytesMin` keeps a hostile count from reserving memory.
    pub fn list<T>(
        &mut self,
        item_bytes_min: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let count = self.u32()? as usize;
        if count > self.bytes.len() / item_bytes_min.max(1) {
            return Err(Fault::Input("list is longer than the request"));
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    pub fn end(&self) -> Result<(), Fault> {
        if self.bytes.is_empty() { Ok(()) } else { Err(Fault::Input("request is longer than it says")) }
    }
}

/// The first four bytes are kept for the length, so that one pointer describes the answer.
pub struct Writer {
    pub buffer: Vec<u8>,
}

impl Writer {
    pub fn new() -> Self {
        let mut buffer = Vec::with_capacity(1024);
        buffer.extend_from_slice(&[0; 4]);
        Self { buffer }
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    pub fn u8(&mut self, value: u8) {
        self.buffer.push(value);
    }

    pub fn flag(&mut self, value: bool) {
        self.u8(value as u8);
    }

    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    pub fn u128(&mut self, value: u128) {
        self.raw(&value.to_le_bytes());
    }

    pub fn u256(&mut self, value: &U256) {
        self.raw(&value.to_be_bytes::<32>());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.raw(bytes);
    }

    pub fn count(&mut self, count: usize) {
        self.u32(count as u32);
    }

    /// Seals the length and hands the buffer over; TypeScript gives it back through `release`.
    pub fn into_pointer(mut self) -> *mut u8 {
        let length = self.buffer.len() as u32;
        self.buffer[..4].copy_from_slice(&length.to_le_bytes());
        Box::leak(self.buffer.into_boxed_slice()).as_mut_ptr()
    }
}
