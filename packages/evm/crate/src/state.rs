//! The state as one call sees it: read through the trie at a root, changed in memory, and at the end hashed to a new root.
use crate::{
    account::{StoredAccount, read_slot},
    fault::Fault,
    keccak::keccak256,
    path::Path,
    rlp,
    store::{NodeBytes, Store, bytecode},
    trie::{self, DirtyNodes, EMPTY_ROOT, Entry},
    wire::{Reader, Writer},
};
use revm::{
    Database, DatabaseCommit,
    bytecode::Bytecode,
    primitives::{Address, AddressMap, B256, B256Map, KECCAK_EMPTY, U256, U256Map, hash_map::Entry as Slot},
    state::{Account, AccountInfo},
};

pub struct State<'a> {
    pub store: &'a mut Store,
    root: B256,
    accounts: AddressMap<Cached>,
    new_codes: B256Map<Bytecode>,
    /// Hash of block `number - 1 - index`.
    block_hashes: Vec<B256>,
    number: u64,
}

struct Cached {
    stored: Option<StoredAccount>,
    /// As it is now; `None` when there is no such account.
    now: Option<StoredAccount>,
    /// Slots of the stored trie no longer count.
    cleared: bool,
    slots: U256Map<SlotValue>,
}

#[derive(Clone, Copy)]
struct SlotValue {
    stored: U256,
    now: U256,
}

impl<'a> State<'a> {
    pub fn new(store: &'a mut Store, root: B256, number: u64, block_hashes: Vec<B256>) -> Self {
        let accounts = AddressMap::default();
        Self { store, root, accounts, new_codes: B256Map::default(), block_hashes, number }
    }

    fn cached(&mut self, address: Address) -> Result<&mut Cached, Fault> {
        match self.accounts.entry(address) {
            Slot::Occupied(entry) => Ok(entry.into_mut()),
            Slot::Vacant(entry) => {
                let stored = StoredAccount::read(self.store, &self.root, &address, |_| {})?;
                Ok(entry.insert(Cached { stored, now: stored, cleared: false, slots: U256Map::default() }))
            }
        }
    }

    pub fn has_code(&mut self, address: Address) -> Result<bool, Fault> {
        Ok(self.cached(address)?.now.is_some_and(|account| account.code_hash != KECCAK_EMPTY))
    }

    pub fn add_balance(&mut self, address: Address, wei: U256) -> Result<(), Fault> {
        let cached = self.cached(address)?;
        let mut account = cached.now.unwrap_or(StoredAccount::EMPTY);
        account.balance = account.balance.saturating_add(wei);
        cached.now = (!account.is_empty()).then_some(account);
        Ok(())
    }

    /// Applies direct writes as they stand in a request: genesis, devnet helpers, overrides of a call.
    pub fn apply_changes(&mut self, request: &mut Reader<'_>) -> Result<(), Fault> {
        let count = request.u32()?;
        for _ in 0..count {
            let address = request.address()?;
            let balance = request.optional(Reader::u256)?;
            let nonce = request.optional(Reader::u64)?;
            let code = request.optional(Reader::bytes)?.map(bytecode);
            let clear = request.flag()?;
            let slots = request.list(64, |item| Ok((item.u256()?, item.u256()?)))?;
            let cached = self.cached(address)?;
            let mut account = cached.now.unwrap_or(StoredAccount::EMPTY);
            account.balance = balance.unwrap_or(account.balance);
            account.nonce = nonce.unwrap_or(account.nonce);
            if let Some(code) = &code {
                account.code_hash = code.hash_slow();
            }
            if clear {
                cached.cleared = true;
                cached.slots.clear();
            }
            cached.now = Some(account);
            for (slot, value) in slots {
                self.storage(address, slot)?;
                self.cached(address)?.slots.entry(slot).and_modify(|held| held.now = value);
            }
            self.cached(address)?.drop_if_empty();
            if let Some(code) = code {
                self.new_codes.insert(account.code_hash, code);
            }
        }
        Ok(())
    }

    /// Hashes all changes into the tries: storage tries first, then the accounts. New codes are dirty nodes too.
    pub fn into_root(mut self) -> Result<(B256, DirtyNodes), Fault> {
        let mut changed: Vec<(B256, Cached)> = self
            .accounts
            .drain()
            .filter(|(_, cached)| cached.is_changed())
            .map(|(address, cached)| (keccak256(address.as_slice()), cached))
            .collect();
        // Hash map order must not reach the output.
        changed.sort_unstable_by_key(|(key, _)| *key);
        let mut dirty = DirtyNodes::with_capacity(4 * changed.len());
        let mut entries = Vec::with_capacity(changed.len());
        for (key, cached) in &changed {
            let after = cached.hash_storage(self.store, &mut dirty)?;
            if after == cached.stored {
                continue;
            }
            if let Some(account) = after
                && account.code_hash != KECCAK_EMPTY
                && let Some(code) = self.new_codes.remove(&account.code_hash)
            {
                dirty.push((account.code_hash, NodeBytes::from(code.original_byte_slice())));
            }
            entries.push(Entry { key: Path::of_bytes(key.as_slice()), value: after.map(|account| account.encode()) });
        }
        if entries.is_empty() {
            return Ok((self.root, dirty));
        }
        let root = trie::update(self.store, &mut dirty, &self.root, &mut entries)?;
        Ok((root, dirty))
    }

    fn commit_account(&mut self, address: Address, account: Account) -> Result<(), Fault> {
        let gone = account.is_selfdestructed() || account.is_empty();
        let created = account.is_created();
        let cached = self.cached(address)?;
        let code_is_new = cached.now.map_or(KECCAK_EMPTY, |before| before.code_hash) != account.info.code_hash;
        if gone || created {
            cached.cleared = true;
            cached.slots.clear();
        }
        if gone {
            cached.now = None;
            return Ok(());
        }
        let (balance, nonce, code_hash) = (account.info.balance, account.info.nonce, account.info.code_hash);
        let storage_root = cached.now.map_or(EMPTY_ROOT, |before| before.storage_root);
        cached.now = Some(StoredAccount { nonce, balance, storage_root, code_hash });
        for (slot, value) in account.storage {
            if !value.is_changed() {
                continue;
            }
            let stored = if cached.cleared { U256::ZERO } else { value.original_value() };
            cached.slots.entry(slot).or_insert(SlotValue { stored, now: stored }).now = value.present_value();
        }
        if let (Some(code), true) = (account.info.code, code_is_new && code_hash != KECCAK_EMPTY) {
            self.new_codes.insert(code_hash, code);
        }
        Ok(())
    }
}

impl Cached {
    /// An account without balance, nonce, code and storage does not exist (EIP-161).
    fn drop_if_empty(&mut self) {
        let unstored = self.cleared || self.stored.is_none_or(|stored| stored.storage_root == EMPTY_ROOT);
        if unstored && self.now.is_some_and(|now| now.is_empty()) && self.slots.values().all(|slot| slot.now.is_zero())
        {
            self.now = None;
        }
    }

    fn is_changed(&self) -> bool {
        self.now != self.stored || self.cleared || self.slots.values().any(|slot| slot.now != slot.stored)
    }

    fn hash_storage(&self, store: &mut Store, dirty: &mut DirtyNodes) -> Result<Option<StoredAccount>, Fault> {
        let Some(mut account) = self.now else { return Ok(None) };
        let base = if self.cleared { EMPTY_ROOT } else { self.stored.map_or(EMPTY_ROOT, |stored| stored.storage_root) };
        let mut entries: Vec<Entry> = self
            .slots
            .iter()
            .filter(|(_, value)| value.now != value.stored)
            .map(|(slot, value)| Entry {
                key: Path::of_bytes(keccak256(&slot.to_be_bytes::<32>()).as_slice()),
                value: (!value.now.is_zero()).then(|| {
                    let mut out = Vec::with_capacity(33);
                    rlp::put_u256(&mut out, &value.now);
                    out
                }),
            })
            .collect();
        account.storage_root = if entries.is_empty() { base } else { trie::update(store, dirty, &base, &mut entries)? };
        Ok(Some(account))
    }
}

impl Database for State<'_> {
    type Error = Fault;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Fault> {
        Ok(self.cached(address)?.now.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Fault> {
        match self.new_codes.get(&code_hash) {
            Some(code) => Ok(code.clone()),
            None => self.store.code(&code_hash),
        }
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Fault> {
        let cached = self.cached(address)?;
        if let Some(value) = cached.slots.get(&slot) {
            return Ok(value.now);
        }
        let storage_root = match (cached.cleared, cached.stored) {
            (false, Some(stored)) => stored.storage_root,
            _ => EMPTY_ROOT,
        };
        let value = read_slot(self.store, &storage_root, &slot, |_| {})?;
        self.cached(address)?.slots.insert(slot, SlotValue { stored: value, now: value });
        Ok(value)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Fault> {
        let index = self.number.checked_sub(1).and_then(|parent| parent.checked_sub(number));
        Ok(index.and_then(|index| self.block_hashes.get(index as usize)).copied().unwrap_or_default())
    }
}

impl DatabaseCommit for State<'_> {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes {
            if account.is_touched() {
                // Every touched account was read before, so this finds it in memory and cannot fail.
                let committed = self.commit_account(address, account);
                debug_assert!(committed.is_ok());
            }
        }
    }
}

/// `{ stateRoot, dirtyNodes }`.
pub fn write_state(out: &mut Writer, root: &B256, dirty: &DirtyNodes) {
    out.raw(root.as_slice());
    out.count(dirty.len());
    out.buffer.reserve(dirty.iter().map(|(_, value)| 36 + value.len()).sum());
    for (key, value) in dirty {
        out.raw(key.as_slice());
        out.bytes(value);
    }
}
