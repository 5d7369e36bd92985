//! The Merkle-Patricia trie: reads one key, proves one key, and applies many changes in one pass over sorted keys,
//! so that every touched node is loaded, hashed and written once a block.
use crate::{
    fault::Fault,
    keccak::keccak256,
    node::{Child, Inline, Node},
    path::{Path, common_prefix},
    rlp::{self, List},
    store::{NodeBytes, Store},
};
use revm::primitives::{B256, b256};
use std::rc::Rc;

/// keccak256 of the RLP of the empty string.
pub const EMPTY_ROOT: B256 = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

/// One change: the new value, or `None` to delete.
pub struct Entry {
    pub key: Path,
    pub value: Option<Vec<u8>>,
}

pub type DirtyNodes = Vec<(B256, NodeBytes)>;

/// The value at `key` under `root`. Nodes on the way are passed to `visit` (the proof).
pub fn get(store: &mut Store, root: &B256, key: &[u8], mut visit: impl FnMut(&[u8])) -> Result<Option<Vec<u8>>, Fault> {
    if *root == EMPTY_ROOT {
        return Ok(None);
    }
    let path = Path::of_bytes(key);
    let mut rest = path.as_slice();
    let mut hash = *root;
    loop {
        let node = store.node(&hash)?;
        visit(&node);
        match step(&node, &mut rest).ok_or(Fault::NodeCorrupt(hash))? {
            Step::Absent => return Ok(None),
            Step::Value(value) => return Ok(Some(value)),
            Step::Down(next) => hash = next,
        }
    }
}

enum Step {
    Absent,
    Value(Vec<u8>),
    Down(B256),
}

/// Follows `rest` through one stored node and whatever is embedded in it. Works on the RLP, without building nodes.
fn step(bytes: &[u8], rest: &mut &[u8]) -> Option<Step> {
    let mut bytes = bytes;
    loop {
        let mut list = List::open(bytes)?;
        let first = list.item()?;
        let second = list.item()?;
        let child = if list.is_empty() {
            let (path, is_leaf) = Path::of_compact(first.payload)?;
            let path = path.as_slice();
            if is_leaf {
                return Some(if path == *rest { Step::Value(second.payload.to_vec()) } else { Step::Absent });
            }
            let Some(after) = rest.strip_prefix(path) else { return Some(Step::Absent) };
            *rest = after;
            second
        } else {
            let (index, after) = rest.split_first()?;
            *rest = after;
            match index {
                0 => first,
                1 => second,
                _ => {
                    for _ in 2..*index {
                        list.item()?;
                    }
                    list.item()?
                }
            }
        };
        if child.is_list {
            bytes = child.whole;
            continue;
        }
        return match child.payload.len() {
            0 => Some(Step::Absent),
            32 => Some(Step::Down(B256::from_slice(child.payload))),
            _ => None,
        };
    }
}

/// Applies `entries` (sorted here) to the trie at `root`; new nodes go to `dirty` and into the cache.
pub fn update(store: &mut Store, dirty: &mut DirtyNodes, root: &B256, entries: &mut [Entry]) -> Result<B256, Fault> {
    entries.sort_unstable_by(|left, right| left.key.as_slice().cmp(right.key.as_slice()));
    let mut updater = Updater { store, dirty: Some(dirty), scratch: Vec::with_capacity(600) };
    let node = updater.load_hash(root)?;
    let node = updater.apply(node, 0, entries)?;
    Ok(updater.root(&node))
}

/// Root of the trie that holds `values` under the RLP of their position: transactions, receipts, withdrawals.
pub fn ordered_root(store: &mut Store, values: impl Iterator<Item = Vec<u8>>) -> B256 {
    let mut entries: Vec<Entry> = values
        .enumerate()
        .map(|(index, value)| {
            let mut key = Vec::with_capacity(5);
            rlp::put_u64(&mut key, index as u64);
            Entry { key: Path::of_bytes(&key), value: Some(value) }
        })
        .collect();
    entries.sort_unstable_by(|left, right| left.key.as_slice().cmp(right.key.as_slice()));
    let mut updater = Updater { store, dirty: None, scratch: Vec::with_capacity(1024) };
    let node = updater.build(0, &mut entries);
    updater.root(&node)
}

struct Updater<'a> {
    store: &'a mut Store,
    /// Absent for tries of which only the root is wanted.
    dirty: Option<&'a mut DirtyNodes>,
    scratch: Vec<u8>,
}

impl Updater<'_> {
    fn load_hash(&mut self, hash: &B256) -> Result<Node, Fault> {
        if *hash == EMPTY_ROOT {
            return Ok(Node::Empty);
        }
        Node::decode(&self.store.node(hash)?).ok_or(Fault::NodeCorrupt(*hash))
    }

    fn load(&mut self, child: &Child) -> Result<Node, Fault> {
        match child {
            Child::Empty => Ok(Node::Empty),
            Child::Hash(hash) => self.load_hash(hash),
            Child::Inline(inline) => Node::decode(inline.as_slice()).ok_or(Fault::NodeCorrupt(B256::ZERO)),
        }
    }

    /// `entries` share their first `depth` nibbles with everything under `node`.
    fn apply(&mut self, node: Node, depth: usize, entries: &mut [Entry]) -> Result<Node, Fault> {
        match node {
            _ if entries.is_empty() => Ok(node),
            Node::Empty => Ok(self.build_kept(depth, None, entries)),
            Node::Leaf(path, value) => {
                let key = join(&entries[0].key.as_slice()[..depth], path.as_slice())?;
                Ok(self.build_kept(depth, Some(Entry { key, value: Some(value) }), entries))
            }
            Node::Extension(path, child) => self.apply_extension(path, child, depth, entries),
            Node::Branch(children) => self.apply_branch(children, depth, entries),
        }
    }

    fn apply_extension(
        &mut self,
        path: Path,
        child: Child,
        depth: usize,
        entries: &mut [Entry],
    ) -> Result<Node, Fault> {
        let path = path.as_slice();
        // The keys are sorted, so the one that leaves the path first is at one of the two ends.
        let shared = common_prefix(path, &entries[0].key.as_slice()[depth..])
            .min(common_prefix(path, &entries[entries.len() - 1].key.as_slice()[depth..]));
        if shared == path.len() {
            let node = self.load(&child)?;
            let node = self.apply(node, depth + shared, entries)?;
            return self.prepend(path, node);
        }
        let mut children = Box::new([Child::Empty; 16]);
        children[path[shared] as usize] = match &path[shared + 1..] {
            [] => child,
            below => self.encode(&Node::Extension(Path::of_nibbles(below), child)),
        };
        let node = self.apply_branch(children, depth + shared, entries)?;
        self.prepend(&path[..shared], node)
    }

    fn apply_branch(
        &mut self,
        mut children: Box<[Child; 16]>,
        depth: usize,
        entries: &mut [Entry],
    ) -> Result<Node, Fault> {
        let mut fresh: [Node; 16] = [const { Node::Empty }; 16];
        let mut start = 0;
        while start < entries.len() {
            let index = nibble(&entries[start], depth)?;
            let end = start + entries[start..].partition_point(|entry| entry.key.as_slice().get(depth) == Some(&index));
            let child = core::mem::replace(&mut children[index as usize], Child::Empty);
            let node = self.load(&child)?;
            fresh[index as usize] = self.apply(node, depth + 1, &mut entries[start..end])?;
            start = end;
        }
        let alive = |index: &usize| !children[*index].is_empty() || !matches!(fresh[*index], Node::Empty);
        let mut living = (0..16).filter(alive);
        let Some(first) = living.next() else { return Ok(Node::Empty) };
        if living.next().is_none() {
            let node = match core::mem::replace(&mut fresh[first], Node::Empty) {
                Node::Empty => self.load(&children[first])?,
                node => node,
            };
            return self.prepend(&[first as u8], node);
        }
        for (child, node) in children.iter_mut().zip(&fresh) {
            if !matches!(node, Node::Empty) {
                *child = self.encode(node);
            }
        }
        Ok(Node::Branch(children))
    }

    /// Builds a subtree of the entries that have a value, and of `leaf` unless an entry replaces or deletes it.
    fn build_kept(&mut self, depth: usize, leaf: Option<Entry>, entries: &mut [Entry]) -> Node {
        let mut kept: Vec<Entry> = Vec::with_capacity(entries.len() + 1);
        let mut leaf = leaf;
        for entry in entries.iter_mut() {
            if let Some(other) = leaf.take() {
                match other.key.as_slice().cmp(entry.key.as_slice()) {
                    core::cmp::Ordering::Less => kept.push(other),
                    core::cmp::Ordering::Equal => {}
                    core::cmp::Ordering::Greater => leaf = Some(other),
                }
            }
            if let Some(value) = entry.value.take() {
                kept.push(Entry { key: entry.key, value: Some(value) });
            }
        }
        kept.extend(leaf);
        self.build(depth, &mut kept)
    }

    /// Builds a subtree of `entries`, all of which have a value.
    fn build(&mut self, depth: usize, entries: &mut [Entry]) -> Node {
        match entries {
            [] => Node::Empty,
            [entry] => {
                Node::Leaf(Path::of_nibbles(&entry.key.as_slice()[depth..]), entry.value.take().unwrap_or_default())
            }
            _ => {
                let prefix = entries[0].key;
                let prefix = prefix.as_slice();
                let fork = common_prefix(prefix, entries[entries.len() - 1].key.as_slice());
                let mut children = Box::new([Child::Empty; 16]);
                for group in entries.chunk_by_mut(|left, right| left.key.as_slice()[fork] == right.key.as_slice()[fork])
                {
                    let index = group[0].key.as_slice()[fork] as usize;
                    let node = self.build(fork + 1, group);
                    children[index] = self.encode(&node);
                }
                let branch = Node::Branch(children);
                if fork == depth {
                    branch
                } else {
                    Node::Extension(Path::of_nibbles(&prefix[depth..fork]), self.encode(&branch))
                }
            }
        }
    }

    fn prepend(&mut self, prefix: &[u8], node: Node) -> Result<Node, Fault> {
        Ok(match node {
            _ if prefix.is_empty() => node,
            Node::Empty => Node::Empty,
            Node::Leaf(path, value) => Node::Leaf(join(prefix, path.as_slice())?, value),
            Node::Extension(path, child) => Node::Extension(join(prefix, path.as_slice())?, child),
            Node::Branch(_) => Node::Extension(Path::of_nibbles(prefix), self.encode(&node)),
        })
    }

    fn encode(&mut self, node: &Node) -> Child {
        self.scratch.clear();
        node.encode(&mut self.scratch);
        match Inline::new(&self.scratch) {
            Some(inline) => Child::Inline(inline),
            None => Child::Hash(self.emit()),
        }
    }

    fn root(&mut self, node: &Node) -> B256 {
        if matches!(node, Node::Empty) {
            return EMPTY_ROOT;
        }
        self.scratch.clear();
        node.encode(&mut self.scratch);
        self.emit()
    }

    fn emit(&mut self) -> B256 {
        let hash = keccak256(&self.scratch);
        if let Some(dirty) = &mut self.dirty {
            let bytes: NodeBytes = Rc::from(self.scratch.as_slice());
            self.store.keep(hash, bytes.clone());
            dirty.push((hash, bytes));
        }
        hash
    }
}

fn nibble(entry: &Entry, depth: usize) -> Result<u8, Fault> {
    entry.key.as_slice().get(depth).copied().ok_or(Fault::Engine("trie deeper than its keys".into()))
}

fn join(head: &[u8], tail: &[u8]) -> Result<Path, Fault> {
    Path::join(head, tail).ok_or(Fault::Engine("trie deeper than its keys".into()))
}
