//! Reads of the state at a root, proofs of those reads (EIP-1186), and direct writes.
use crate::{
    account::{StoredAccount, read_slot},
    fault::Fault,
    state::{State, write_state},
    store::Store,
    trie::EMPTY_ROOT,
    wire::{Reader, Writer},
};
use revm::primitives::{KECCAK_EMPTY, U256};

pub fn account(store: &mut Store, request: &mut Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let root = request.hash()?;
    let address = request.address()?;
    request.end()?;
    let account = StoredAccount::read(store, &root, &address, |_| {})?;
    write_account(out, account.as_ref());
    Ok(())
}

pub fn storage(store: &mut Store, request: &mut Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let root = request.hash()?;
    let address = request.address()?;
    let slot = request.u256()?;
    request.end()?;
    let value = match StoredAccount::read(store, &root, &address, |_| {})? {
        Some(account) => read_slot(store, &account.storage_root, &slot, |_| {})?,
        None => U256::ZERO,
    };
    out.u256(&value);
    Ok(())
}

pub fn code(store: &mut Store, request: &mut Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let code_hash = request.hash()?;
    request.end()?;
    if code_hash == KECCAK_EMPTY {
        out.bytes(&[]);
    } else {
        out.bytes(store.code(&code_hash)?.original_byte_slice());
    }
    Ok(())
}

pub fn proof(store: &mut Store, request: &mut Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let root = request.hash()?;
    let address = request.address()?;
    let slots = request.list(32, Reader::u256)?;
    request.end()?;
    let mut nodes: Vec<Vec<u8>> = Vec::new();
    let account = StoredAccount::read(store, &root, &address, |node| nodes.push(node.to_vec()))?;
    write_account(out, account.as_ref());
    write_nodes(out, &nodes);
    let storage_root = account.map_or(EMPTY_ROOT, |account| account.storage_root);
    out.count(slots.len());
    for slot in &slots {
        nodes.clear();
        let value = read_slot(store, &storage_root, slot, |node| nodes.push(node.to_vec()))?;
        out.u256(slot);
        out.u256(&value);
        write_nodes(out, &nodes);
    }
    Ok(())
}

pub fn apply_state(store: &mut Store, request: &mut Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let root = request.hash()?;
    let mut state = State::new(store, root, 0, Vec::new());
    state.apply_changes(request)?;
    request.end()?;
    let (root, dirty) = state.into_root()?;
    write_state(out, &root, &dirty);
    Ok(())
}

fn write_account(out: &mut Writer, account: Option<&StoredAccount>) {
    out.flag(account.is_some());
    if let Some(account) = account {
        out.u64(account.nonce);
        out.u256(&account.balance);
        out.raw(account.code_hash.as_slice());
        out.raw(account.storage_root.as_slice());
    }
}

fn write_nodes(out: &mut Writer, nodes: &[Vec<u8>]) {
    out.count(nodes.len());
    for node in nodes {
        out.bytes(node);
    }
}
