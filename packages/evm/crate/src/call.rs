//! Calls that change nothing: eth_call, gas estimation, access lists.
use crate::{
    context::{BlockContext, EvmContext},
    fault::Fault,
    receipt::write_logs,
    reject::{Reject, split},
    store::Store,
    touch::Touches,
    transaction::blank,
    wire::{Reader, Writer},
};
use revm::{
    ExecuteEvm, InspectEvm, MainBuilder,
    context::TxEnv,
    context_interface::{
        ContextTr,
        result::{ExecutionResult, HaltReason, Output},
        transaction::{AccessList, AccessListItem},
    },
    primitives::{B256, Bytes, TxKind},
};

pub struct Call<'r> {
    pub context: BlockContext,
    state_root: B256,
    pub tx: TxEnv,
    overrides: Reader<'r>,
}

/// What a call came to, or why it could not start.
pub type CallResult = Result<ExecutionResult, Reject>;

impl<'r> Call<'r> {
    /// Reads to the end of the request: the overrides, last, are read anew for every run.
    pub fn read(mut request: Reader<'r>) -> Result<Self, Fault> {
        let context = BlockContext::read(&mut request)?;
        let state_root = request.hash()?;
        let mut tx = blank();
        tx.caller = request.address()?;
        tx.kind = request.optional(Reader::address)?.map_or(TxKind::Create, TxKind::Call);
        tx.gas_limit = request.optional(Reader::u64)?.unwrap_or(context.gas_limit);
        tx.value = request.u256()?;
        tx.gas_price = request.u128()?;
        tx.gas_priority_fee = request.optional(Reader::u128)?;
        tx.data = Bytes::copy_from_slice(request.bytes()?);
        let access_list = request.optional(|fields| {
            fields.list(24, |item| {
                Ok(AccessListItem { address: item.address()?, storage_keys: item.list(32, Reader::hash)? })
            })
        })?;
        tx.tx_type = match (tx.gas_priority_fee, &access_list) {
            (Some(_), _) => 2,
            (None, Some(_)) => 1,
            (None, None) => 0,
        };
        tx.chain_id = Some(context.chain_id);
        tx.access_list = AccessList(access_list.unwrap_or_default());
        Ok(Self { context, state_root, tx, overrides: request })
    }

    /// A fresh context on the call's state, overrides applied.
    pub fn open<'a>(&self, store: &'a mut Store) -> Result<EvmContext<'a>, Fault> {
        let free = self.tx.gas_price == 0;
        let mut context = self.context.open_for_call(store, self.state_root, free);
        let mut overrides = self.overrides.clone();
        context.db_mut().apply_changes(&mut overrides)?;
        overrides.end()?;
        Ok(context)
    }

    fn run(&self, store: &mut Store, gas_limit: u64) -> Result<CallResult, Fault> {
        let mut evm = self.context.equip(self.open(store)?.build_mainnet());
        split_result(evm.transact_one(TxEnv { gas_limit, ..self.tx.clone() }))
    }
}

pub fn split_result(
    result: Result<ExecutionResult, revm::context_interface::result::EVMError<Fault>>,
) -> Result<CallResult, Fault> {
    match result {
        Ok(result) => Ok(Ok(result)),
        Err(error) => split(error).map(Err),
    }
}

pub fn call(store: &mut Store, request: Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let call = Call::read(request)?;
    let result = call.run(store, call.tx.gas_limit)?;
    write_result(out, &result);
    Ok(())
}

/// geth's search: an upper bound that works, a first guess from what it used, then halving to within 1.5 %.
pub fn estimate(store: &mut Store, request: Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let call = Call::read(request)?;
    let mut high = affordable(&call, store)?;
    let first = call.run(store, high)?;
    let Ok(ExecutionResult::Success { gas, .. }) = &first else {
        out.flag(false);
        write_result(out, &first);
        return Ok(());
    };
    let mut low = gas.tx_gas_used().saturating_sub(1);
    // Refunds and the 63/64 rule mean that the gas used may not be enough to run on.
    let mut guess = gas.total_gas_spent().saturating_add(2300).saturating_mul(64) / 63;
    while low + 1 < high && (high - low) as f64 / high as f64 > 0.015 {
        guess = guess.clamp(low + 1, high - 1);
        match call.run(store, guess)? {
            Ok(ExecutionResult::Success { .. }) => high = guess,
            _ => low = guess,
        }
        guess = low + (high - low) / 2;
    }
    // The plainest case is exact: a transfer uses what it needs.
    if low < gas.tx_gas_used() && matches!(call.run(store, gas.tx_gas_used())?, Ok(ExecutionResult::Success { .. })) {
        high = high.min(gas.tx_gas_used());
    }
    out.flag(true);
    out.u64(high);
    Ok(())
}

/// The call's gas limit, or less if a named fee makes that more than the sender can pay.
fn affordable(call: &Call<'_>, store: &mut Store) -> Result<u64, Fault> {
    if call.tx.gas_price == 0 {
        return Ok(call.tx.gas_limit);
    }
    let balance = match revm::Database::basic(call.open(store)?.db_mut(), call.tx.caller)? {
        Some(account) => account.balance,
        None => return Ok(call.tx.gas_limit),
    };
    let gas = balance.saturating_sub(call.tx.value) / revm::primitives::U256::from(call.tx.gas_price);
    Ok(call.tx.gas_limit.min(u64::try_from(gas).unwrap_or(u64::MAX)))
}

/// A list can change the path (gas left), and the path the list; geth stops when it repeats, we also after 8 rounds.
const ACCESS_LIST_ROUNDS_MAX: u32 = 8;

pub fn access_list(store: &mut Store, request: Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let mut call = Call::read(request)?;
    for round in 1.. {
        let touches = Touches::new(&call.tx, &call.context);
        let mut evm = call.context.equip(call.open(store)?.build_mainnet_with_inspector(touches));
        let result = split_result(evm.inspect_one_tx(call.tx.clone()))?;
        let list = evm.inspector.into_access_list();
        if list == call.tx.access_list || round == ACCESS_LIST_ROUNDS_MAX || result.is_err() {
            out.count(list.0.len());
            for item in &list.0 {
                out.raw(item.address.as_slice());
                out.count(item.storage_keys.len());
                item.storage_keys.iter().for_each(|key| out.raw(key.as_slice()));
            }
            write_result(out, &result);
            break;
        }
        call.tx.access_list = list;
        call.tx.tx_type = call.tx.tx_type.max(1);
    }
    Ok(())
}

pub fn write_result(out: &mut Writer, result: &CallResult) {
    match result {
        Ok(ExecutionResult::Success { gas, logs, output, .. }) => {
            out.u8(0);
            out.u64(gas.tx_gas_used());
            out.bytes(output.data());
            write_logs(out, logs);
            let created = if let Output::Create(_, address) = output { *address } else { None };
            out.flag(created.is_some());
            if let Some(address) = created {
                out.raw(address.as_slice());
            }
        }
        Ok(ExecutionResult::Revert { gas, output, .. }) => {
            out.u8(1);
            out.u64(gas.tx_gas_used());
            out.bytes(output);
        }
        Ok(ExecutionResult::Halt { reason, gas, .. }) => {
            out.u8(2);
            out.u64(gas.tx_gas_used());
            out.bytes(halt_words(reason).as_bytes());
        }
        Err(reject) => {
            out.u8(3);
            out.u8(reject.code);
            out.bytes(reject.message.as_bytes());
        }
    }
}

/// geth's words where tools match on them.
fn halt_words(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".into(),
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => "invalid opcode".into(),
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID".into(),
        HaltReason::CreateCollision => "contract address collision".into(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".into(),
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef".into(),
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        HaltReason::StateChangeDuringStaticCall => "write protection".into(),
        other => other.to_string(),
    }
}
