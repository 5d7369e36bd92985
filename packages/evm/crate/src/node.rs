//! One trie node, in memory and as RLP. Keys of one trie are never prefixes of each other, so branches hold no value.
use crate::{
    path::Path,
    rlp::{self, List},
};
use revm::primitives::B256;

pub enum Node {
    Empty,
    Leaf(Path, Vec<u8>),
    Extension(Path, Child),
    Branch(Box<[Child; 16]>),
}

/// How a parent names a child: by hash, or, if its RLP is shorter than 32 bytes, by that RLP itself.
#[derive(Clone, Copy)]
pub enum Child {
    Empty,
    Hash(B256),
    Inline(Inline),
}

#[derive(Clone, Copy)]
pub struct Inline {
    bytes: [u8; 31],
    length: u8,
}

impl Inline {
    pub fn new(rlp: &[u8]) -> Option<Self> {
        let mut bytes = [0; 31];
        bytes.get_mut(..rlp.len())?.copy_from_slice(rlp);
        Some(Self { bytes, length: rlp.len() as u8 })
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length as usize]
    }
}

impl Node {
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut list = List::open(bytes)?;
        let first = list.item()?;
        let second = list.item()?;
        if list.is_empty() {
            let (path, is_leaf) = Path::of_compact((!first.is_list).then_some(first.payload)?)?;
            if is_leaf {
                return Some(Self::Leaf(path, (!second.is_list).then(|| second.payload.to_vec())?));
            }
            return Some(Self::Extension(path, Child::of_item(second)?));
        }
        let mut children = Box::new([Child::Empty; 16]);
        children[0] = Child::of_item(first)?;
        children[1] = Child::of_item(second)?;
        for child in &mut children[2..] {
            *child = Child::of_item(list.item()?)?;
        }
        (list.string()?.is_empty() && list.is_empty()).then_some(Self::Branch(children))
    }

    /// Appends the RLP; an empty node is the empty string.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => out.push(0x80),
            Self::Leaf(path, value) => {
                let (compact, used) = path.to_compact(true);
                let mut payload = compact_length(&compact[..used]);
                payload += if value.len() == 1 && value[0] < 0x80 { 1 } else { rlp::string_length(value.len() as u32) };
                rlp::put_list_header(out, payload);
                rlp::put_string(out, &compact[..used]);
                rlp::put_string(out, value);
            }
            Self::Extension(path, child) => {
                let (compact, used) = path.to_compact(false);
                rlp::put_list_header(out, compact_length(&compact[..used]) + child.length());
                rlp::put_string(out, &compact[..used]);
                child.encode(out);
            }
            Self::Branch(children) => {
                rlp::put_list_header(out, 1 + children.iter().map(Child::length).sum::<u32>());
                for child in children.iter() {
                    child.encode(out);
                }
                out.push(0x80);
            }
        }
    }
}

impl Child {
    fn of_item(item: rlp::Item<'_>) -> Option<Self> {
        if item.is_list {
            return Inline::new(item.whole).map(Self::Inline);
        }
        match item.payload.len() {
            0 => Some(Self::Empty),
            32 => Some(Self::Hash(B256::from_slice(item.payload))),
            _ => None,
        }
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn length(&self) -> u32 {
        match self {
            Self::Empty => 1,
            Self::Hash(_) => 33,
            Self::Inline(inline) => inline.length as u32,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => out.push(0x80),
            Self::Hash(hash) => {
                out.push(0xa0);
                out.extend_from_slice(hash.as_slice());
            }
            Self::Inline(inline) => out.extend_from_slice(inline.as_slice()),
        }
    }
}

fn compact_length(compact: &[u8]) -> u32 {
    if compact.len() == 1 && compact[0] < 0x80 { 1 } else { rlp::string_length(compact.len() as u32) }
}
