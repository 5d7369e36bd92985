//! An account as the state trie stores it.
use crate::{
    fault::Fault,
    keccak::keccak256,
    rlp::{self, List},
    store::Store,
    trie::{self, EMPTY_ROOT},
};
use revm::primitives::{Address, B256, KECCAK_EMPTY, U256};

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StoredAccount {
    pub nonce: u64,
    pub balance: U256,
    pub storage_root: B256,
    pub code_hash: B256,
}

impl StoredAccount {
    pub const EMPTY: Self = Self { nonce: 0, balance: U256::ZERO, storage_root: EMPTY_ROOT, code_hash: KECCAK_EMPTY };

    /// In the sense of EIP-161, which does not look at storage.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK_EMPTY
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut list = List::open(bytes)?;
        let account =
            Self { nonce: list.u64()?, balance: list.u256()?, storage_root: list.hash()?, code_hash: list.hash()? };
        list.end()?;
        Some(account)
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(112);
        rlp::put_u64(&mut payload, self.nonce);
        rlp::put_u256(&mut payload, &self.balance);
        rlp::put_string(&mut payload, self.storage_root.as_slice());
        rlp::put_string(&mut payload, self.code_hash.as_slice());
        let mut out = Vec::with_capacity(payload.len() + 3);
        rlp::put_list_header(&mut out, payload.len() as u32);
        out.extend_from_slice(&payload);
        out
    }

    pub fn read(
        store: &mut Store,
        root: &B256,
        address: &Address,
        visit: impl FnMut(&[u8]),
    ) -> Result<Option<Self>, Fault> {
        let Some(bytes) = trie::get(store, root, keccak256(address.as_slice()).as_slice(), visit)? else {
            return Ok(None);
        };
        Self::decode(&bytes).map(Some).ok_or(Fault::NodeCorrupt(*root))
    }
}

/// The value of one slot under a storage root; zero when absent.
pub fn read_slot(store: &mut Store, storage_root: &B256, slot: &U256, visit: impl FnMut(&[u8])) -> Result<U256, Fault> {
    let key = keccak256(&slot.to_be_bytes::<32>());
    let Some(bytes) = trie::get(store, storage_root, key.as_slice(), visit)? else { return Ok(U256::ZERO) };
    let mut rest = bytes.as_slice();
    match rlp::take(&mut rest) {
        Some(item) if !item.is_list && item.payload.len() <= 32 && rest.is_empty() => {
            Ok(U256::from_be_slice(item.payload))
        }
        _ => Err(Fault::NodeCorrupt(*storage_root)),
    }
}
