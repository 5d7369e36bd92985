//! The execution engine behind one function: `run(operation, request) -> answer`. Nothing is kept between calls but a
//! bounded cache of nodes and codes; every call names the state root it starts from.
mod account;
mod block;
mod call;
mod context;
mod fault;
mod keccak;
mod node;
mod path;
mod query;
mod receipt;
mod reject;
mod rlp;
mod state;
mod steps;
mod store;
mod touch;
mod trace;
mod transaction;
mod tree;
mod trie;
mod wire;

use fault::Fault;
use std::cell::RefCell;
use store::Store;
use wire::{Reader, Writer};

/// Nothing here may be random: blocks must come out the same everywhere. Only key generation asks, and nobody calls it.
fn no_randomness(_buffer: &mut [u8]) -> Result<(), getrandom::Error> {
    Err(getrandom::Error::UNSUPPORTED)
}
getrandom::register_custom_getrandom!(no_randomness);

const CACHE_BYTES_DEFAULT: u64 = 64 << 20;

thread_local! {
    static STORE: RefCell<Store> = RefCell::new(Store::new(CACHE_BYTES_DEFAULT, true));
}

/// Empties the cache and sets its size in bytes; `verify` 0 trusts the host's node bytes.
#[unsafe(no_mangle)]
pub extern "C" fn configure(cache_bytes_max: u32, verify: u32) {
    STORE.with(|store| *store.borrow_mut() = Store::new(cache_bytes_max as u64, verify != 0));
}

/// Room for a request of `length` bytes; `run` takes it back.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(length: u32) -> *mut u8 {
    Box::leak(vec![0u8; length as usize].into_boxed_slice()).as_mut_ptr()
}

/// Runs one operation. The answer starts with its length (u32) and a status byte: 0, then the answer, or a fault's kind.
///
/// # Safety
/// `request` and `length` come from `reserve`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn run(operation: u32, request: *mut u8, length: u32) -> *mut u8 {
    // SAFETY: the pair was leaked by `reserve` and is taken back exactly once.
    let request = unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(request, length as usize)) };
    let mut out = Writer::new();
    out.u8(0);
    let result = STORE.with(|store| dispatch(&mut store.borrow_mut(), operation, &request, &mut out));
    if let Err(fault) = result {
        out = Writer::new();
        fault.write(&mut out);
    }
    out.into_pointer()
}

/// Gives an answer's memory back.
///
/// # Safety
/// `answer` comes from `run` and is given back once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn release(answer: *mut u8) {
    // SAFETY: `Writer::into_pointer` wrote the length of the whole allocation into its first four bytes.
    unsafe {
        let length = u32::from_le_bytes(*answer.cast::<[u8; 4]>());
        drop(Box::from_raw(core::ptr::slice_from_raw_parts_mut(answer, length as usize)));
    }
}

fn dispatch(store: &mut Store, operation: u32, request: &[u8], out: &mut Writer) -> Result<(), Fault> {
    let mut reader = Reader::new(request);
    match operation {
        0 => block::execute(store, &mut reader, out),
        1 => call::call(store, reader, out),
        2 => call::estimate(store, reader, out),
        3 => call::access_list(store, reader, out),
        4 => trace::call_tree(store, reader, out),
        5 => trace::call_steps(store, reader, out),
        6 => trace::block_trees(store, &mut reader, out),
        7 => trace::transaction_steps(store, &mut reader, out),
        10 => query::account(store, &mut reader, out),
        11 => query::storage(store, &mut reader, out),
        12 => query::code(store, &mut reader, out),
        13 => query::proof(store, &mut reader, out),
        14 => query::apply_state(store, &mut reader, out),
        _ => Err(Fault::Input("unknown operation")),
    }
}
