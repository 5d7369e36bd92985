//! RLP, strict when reading (canonical lengths and integers only) and free of `usize` when writing.
use revm::primitives::{Address, B256, U256};

/// One item: its payload, and whether it is a list.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    pub is_list: bool,
    pub payload: &'a [u8],
    /// The item with its header.
    pub whole: &'a [u8],
}

/// Takes the first item off `bytes`; `None` when it is not canonical RLP.
pub fn take<'a>(bytes: &mut &'a [u8]) -> Option<Item<'a>> {
    let input = *bytes;
    let first = *input.first()?;
    let (is_list, header, length) = match first {
        0x00..=0x7f => (false, 0, 1),
        0x80..=0xb7 => (false, 1, (first - 0x80) as usize),
        0xb8..=0xbf => long(input, first - 0xb7)?,
        0xc0..=0xf7 => (true, 1, (first - 0xc0) as usize),
        0xf8..=0xff => {
            let (_, header, length) = long(input, first - 0xf7)?;
            (true, header, length)
        }
    };
    let end = header.checked_add(length)?;
    let payload = input.get(header..end)?;
    if first == 0x81 && payload[0] < 0x80 {
        return None;
    }
    *bytes = &input[end..];
    Some(Item { is_list, payload, whole: &input[..end] })
}

fn long(input: &[u8], width: u8) -> Option<(bool, usize, usize)> {
    let width = width as usize;
    let digits = input.get(1..1 + width)?;
    if digits[0] == 0 || width > 4 {
        return None;
    }
    let length = digits.iter().fold(0u64, |value, digit| (value << 8) | *digit as u64);
    if length < 56 {
        return None;
    }
    Some((false, 1 + width, usize::try_from(length).ok()?))
}

/// The items of a list that is all of `bytes`.
pub struct List<'a> {
    rest: &'a [u8],
}

impl<'a> List<'a> {
    pub fn open(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let item = take(&mut rest)?;
        (item.is_list && rest.is_empty()).then_some(Self { rest: item.payload })
    }

    pub fn item(&mut self) -> Option<Item<'a>> {
        take(&mut self.rest)
    }

    pub fn string(&mut self) -> Option<&'a [u8]> {
        let item = self.item()?;
        (!item.is_list).then_some(item.payload)
    }

    pub fn list(&mut self) -> Option<List<'a>> {
        let item = self.item()?;
        item.is_list.then_some(List { rest: item.payload })
    }

    pub fn u256(&mut self) -> Option<U256> {
        let digits = self.string()?;
        if digits.len() > 32 || digits.first() == Some(&0) {
            return None;
        }
        Some(U256::from_be_slice(digits))
    }

    pub fn u64(&mut self) -> Option<u64> {
        u64::try_from(self.u256()?).ok()
    }

    pub fn u128(&mut self) -> Option<u128> {
        u128::try_from(self.u256()?).ok()
    }

    pub fn address(&mut self) -> Option<Address> {
        let bytes = self.string()?;
        (bytes.len() == 20).then(|| Address::from_slice(bytes))
    }

    pub fn hash(&mut self) -> Option<B256> {
        let bytes = self.string()?;
        (bytes.len() == 32).then(|| B256::from_slice(bytes))
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn end(&self) -> Option<()> {
        self.is_empty().then_some(())
    }
}

pub fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() == 1 && bytes[0] < 0x80 {
        out.push(bytes[0]);
    } else {
        put_header(out, 0x80, bytes.len() as u32);
        out.extend_from_slice(bytes);
    }
}

pub fn put_u64(out: &mut Vec<u8>, value: u64) {
    let digits = value.to_be_bytes();
    put_string(out, &digits[(value.leading_zeros() / 8) as usize..]);
}

pub fn put_u256(out: &mut Vec<u8>, value: &U256) {
    let digits = value.to_be_bytes::<32>();
    put_string(out, &digits[value.leading_zeros() / 8..]);
}

pub fn put_list_header(out: &mut Vec<u8>, payload_length: u32) {
    put_header(out, 0xc0, payload_length);
}

fn put_header(out: &mut Vec<u8>, base: u8, length: u32) {
    if length < 56 {
        out.push(base + length as u8);
    } else {
        let digits = length.to_be_bytes();
        let skip = (length.leading_zeros() / 8) as usize;
        out.push(base + 55 + (4 - skip) as u8);
        out.extend_from_slice(&digits[skip..]);
    }
}

/// Length of a string of `length` bytes with its header; a single byte below 0x80 is the caller's case.
pub fn string_length(length: u32) -> u32 {
    length + if length < 56 { 1 } else { 2 + (31 - length.leading_zeros()) / 8 }
}

/// Wraps what was appended to `out` since `start` as the payload of a list.
pub fn wrap_list(out: &mut Vec<u8>, start: usize) {
    let length = (out.len() - start) as u32;
    let mut header = Vec::with_capacity(5);
    put_list_header(&mut header, length);
    out.splice(start..start, header);
}
