//! Executes a block: system calls, transactions, withdrawals, and all the roots that its header needs.
use crate::{
    context::{BlockContext, EvmContext},
    fault::Fault,
    receipt::{Receipt, bloom_of},
    reject::{Reject, code, split},
    rlp,
    state::{State, write_state},
    store::Store,
    transaction,
    trie::ordered_root,
    wire::{Reader, Writer},
};
use revm::{
    ExecuteCommitEvm, MainBuilder, MainnetEvm, SystemCallCommitEvm,
    context::TxEnv,
    context_interface::{ContextTr, result::ExecutionResult},
    primitives::{Address, B256, Bytes, TxKind, U256, address, alloy_primitives::Bloom, hardfork::SpecId},
};

/// EIP-4788.
const BEACON_ROOTS: Address = address!("000F3df6D732807Ef1319fB7B8bB8522d0Beac02");
/// EIP-2935.
const HISTORY_STORAGE: Address = address!("0000F90827F1C53a10cb7A02335B175320002935");

pub struct Block<'r> {
    pub context: BlockContext,
    pub parent_state_root: B256,
    beacon_root: Option<B256>,
    skips_invalid: bool,
    pub transactions: Vec<(Address, &'r [u8])>,
    withdrawals: Vec<Withdrawal>,
}

struct Withdrawal {
    index: u64,
    validator: u64,
    address: Address,
    gwei: u64,
}

pub type BlockEvm<'a, I = ()> = MainnetEvm<EvmContext<'a>, I>;

impl<'r> Block<'r> {
    pub fn read(request: &mut Reader<'r>) -> Result<Self, Fault> {
        Ok(Self {
            context: BlockContext::read(request)?,
            parent_state_root: request.hash()?,
            beacon_root: request.optional(Reader::hash)?,
            skips_invalid: request.flag()?,
            transactions: request.list(24, |item| Ok((item.address()?, item.bytes()?)))?,
            withdrawals: request.list(44, |item| {
                Ok(Withdrawal {
                    index: item.u64()?,
                    validator: item.u64()?,
                    address: item.address()?,
                    gwei: item.u64()?,
                })
            })?,
        })
    }

    /// The calls that the protocol itself makes before the first transaction; each only where its contract stands.
    pub fn begin<I>(&self, evm: &mut BlockEvm<'_, I>) -> Result<(), Fault> {
        if let Some(root) = self.beacon_root {
            system_call(evm, BEACON_ROOTS, root)?;
        }
        if let (true, Some(hash)) = (self.context.spec.is_enabled_in(SpecId::PRAGUE), self.context.parent_hash()) {
            system_call(evm, HISTORY_STORAGE, hash)?;
        }
        Ok(())
    }

    /// Decodes transaction `index` and checks what revm does not: its room in the block.
    pub fn transaction(&self, index: usize, gas_used: u64) -> Result<TxEnv, Reject> {
        let (sender, raw) = self.transactions[index];
        let tx = transaction::decode(raw, sender, self.context.spec)?;
        if tx.gas_limit > self.context.gas_limit {
            return Err(Reject::fixed(code::GAS_ABOVE_LIMIT, "gas limit above the block's"));
        }
        if tx.gas_limit > self.context.gas_limit - gas_used {
            return Err(Reject::fixed(code::BLOCK_GAS, "no room left in this block"));
        }
        Ok(tx)
    }

    /// In `import` mode one invalid transaction makes the block invalid; in `build` mode it stays outside.
    pub fn refuse(&self, index: usize, reject: &Reject) -> Result<(), Fault> {
        if self.skips_invalid {
            return Ok(());
        }
        Err(Fault::BlockInvalid { index: index as u32, code: reject.code, message: reject.message.to_string() })
    }

    fn withdraw(&self, state: &mut State<'_>) -> Result<(), Fault> {
        for withdrawal in &self.withdrawals {
            state.add_balance(withdrawal.address, U256::from(withdrawal.gwei) * U256::from(1_000_000_000))?;
        }
        Ok(())
    }
}

pub fn execute(store: &mut Store, request: &mut Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let block = Block::read(request)?;
    request.end()?;
    let context = block.context.open(store, block.parent_state_root);
    let mut evm: BlockEvm<'_> = block.context.equip(context.build_mainnet());
    block.begin(&mut evm)?;
    let mut receipts = Vec::with_capacity(block.transactions.len());
    let mut rejected = Vec::new();
    let mut gas_used = 0;
    for index in 0..block.transactions.len() {
        match run_transaction(&mut evm, &block, index, gas_used)? {
            Ok(receipt) => {
                gas_used = receipt.cumulative_gas_used;
                receipts.push(receipt);
            }
            Err(reject) => {
                block.refuse(index, &reject)?;
                rejected.push((index as u32, reject));
            }
        }
    }
    let mut state = evm.ctx.journaled_state.database;
    block.withdraw(&mut state)?;
    let (root, dirty) = state.into_root()?;
    write_state(out, &root, &dirty);
    write_block(store, out, &block, &receipts, &rejected);
    Ok(())
}

fn run_transaction(
    evm: &mut BlockEvm<'_>,
    block: &Block<'_>,
    index: usize,
    gas_before: u64,
) -> Result<Result<Receipt, Reject>, Fault> {
    let tx = match block.transaction(index, gas_before) {
        Ok(tx) => tx,
        Err(reject) => return Ok(Err(reject)),
    };
    let (tx_type, kind, sender, nonce) = (tx.tx_type, tx.kind, tx.caller, tx.nonce);
    let base_fee = block.context.base_fee as u128;
    let effective_gas_price = match tx.gas_priority_fee {
        Some(tip) => tx.gas_price.min(base_fee.saturating_add(tip)),
        None => tx.gas_price,
    };
    let result = match evm.transact_commit(tx) {
        Ok(result) => result,
        Err(error) => return split(error).map(Err),
    };
    let gas_used = result.tx_gas_used();
    let success = result.is_success();
    // A reverted creation has the address it would have had, as geth reports it.
    let contract_address = matches!(kind, TxKind::Create).then(|| sender.create(nonce));
    let logs = if let ExecutionResult::Success { logs, .. } = result { logs } else { Vec::new() };
    let bloom = bloom_of(&logs);
    Ok(Ok(Receipt {
        input_index: index as u32,
        tx_type,
        success,
        gas_used,
        cumulative_gas_used: gas_before + gas_used,
        effective_gas_price,
        contract_address,
        bloom,
        logs,
    }))
}

fn system_call<I>(evm: &mut BlockEvm<'_, I>, contract: Address, data: B256) -> Result<(), Fault> {
    if !evm.ctx.db_mut().has_code(contract)? {
        return Ok(());
    }
    match evm.system_call_commit(contract, Bytes::copy_from_slice(data.as_slice())) {
        Ok(_) => Ok(()),
        Err(error) => Err(split(error).map_or_else(|fault| fault, |reject| Fault::Engine(reject.message.into()))),
    }
}

fn write_block(
    store: &mut Store,
    out: &mut Writer,
    block: &Block<'_>,
    receipts: &[Receipt],
    rejected: &[(u32, Reject)],
) {
    let transactions = receipts.iter().map(|receipt| block.transactions[receipt.input_index as usize].1.to_vec());
    out.raw(ordered_root(store, transactions).as_slice());
    out.raw(ordered_root(store, receipts.iter().map(Receipt::encode)).as_slice());
    out.raw(ordered_root(store, block.withdrawals.iter().map(encode_withdrawal)).as_slice());
    let mut bloom = Bloom::ZERO;
    for receipt in receipts.iter().filter(|receipt| !receipt.logs.is_empty()) {
        bloom.accrue_bloom(&receipt.bloom);
    }
    out.raw(bloom.as_slice());
    out.u64(receipts.last().map_or(0, |receipt| receipt.cumulative_gas_used));
    out.count(receipts.len());
    for receipt in receipts {
        receipt.write(out);
    }
    out.count(rejected.len());
    for (index, reject) in rejected {
        out.u32(*index);
        out.u8(reject.code);
        out.bytes(reject.message.as_bytes());
    }
}

fn encode_withdrawal(withdrawal: &Withdrawal) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    rlp::put_u64(&mut out, withdrawal.index);
    rlp::put_u64(&mut out, withdrawal.validator);
    rlp::put_string(&mut out, withdrawal.address.as_slice());
    rlp::put_u64(&mut out, withdrawal.gwei);
    rlp::wrap_list(&mut out, 0);
    out
}
