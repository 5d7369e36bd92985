//! Runs a call, or a transaction of a block after those before it, and shows what happened inside.
use crate::{
    block::{Block, BlockEvm},
    call::{Call, split_result, write_result},
    fault::Fault,
    reject::split,
    steps::Steps,
    store::Store,
    tree::CallTree,
    wire::{Reader, Writer},
};
use revm::{ExecuteCommitEvm, InspectCommitEvm, InspectEvm, MainBuilder};

/// A call's result, then its tree if it could start.
pub fn call_tree(store: &mut Store, request: Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let call = Call::read(request)?;
    let mut evm = call.context.equip(call.open(store)?.build_mainnet_with_inspector(CallTree::default()));
    let result = split_result(evm.inspect_one_tx(call.tx.clone()))?;
    write_result(out, &result);
    if let (Ok(result), Some(mut root)) = (&result, evm.inspector.root.take()) {
        root.gas = call.tx.gas_limit;
        root.gas_used = result.tx_gas_used();
        root.write(out);
    }
    Ok(())
}

pub fn call_steps(store: &mut Store, mut request: Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let steps = Steps::read(&mut request)?;
    let call = Call::read(request)?;
    let mut evm = call.context.equip(call.open(store)?.build_mainnet_with_inspector(steps));
    let result = split_result(evm.inspect_one_tx(call.tx.clone()))?;
    write_result(out, &result);
    evm.inspector.write(out);
    Ok(())
}

/// One tree for each transaction, or the mark of its absence when it was rejected.
pub fn block_trees(store: &mut Store, request: &mut Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let block = Block::read(request)?;
    request.end()?;
    let context = block.context.open(store, block.parent_state_root);
    let mut evm: BlockEvm<'_, CallTree> =
        block.context.equip(context.build_mainnet_with_inspector(CallTree::default()));
    block.begin(&mut evm)?;
    let mut gas_before = 0;
    out.count(block.transactions.len());
    for index in 0..block.transactions.len() {
        let outcome = match block.transaction(index, gas_before) {
            Err(reject) => Err(reject),
            Ok(tx) => {
                let gas_limit = tx.gas_limit;
                match evm.inspect_tx_commit(tx) {
                    Ok(result) => Ok((gas_limit, result.tx_gas_used())),
                    Err(error) => Err(split(error)?),
                }
            }
        };
        match (outcome, core::mem::take(&mut evm.inspector).root) {
            (Ok((gas_limit, gas_used)), Some(mut root)) => {
                gas_before += gas_used;
                root.gas = gas_limit;
                root.gas_used = gas_used;
                out.flag(true);
                root.write(out);
            }
            (outcome, _) => {
                if let Err(reject) = outcome {
                    block.refuse(index, &reject)?;
                }
                out.flag(false);
            }
        }
    }
    Ok(())
}

pub fn transaction_steps(store: &mut Store, request: &mut Reader<'_>, out: &mut Writer) -> Result<(), Fault> {
    let steps = Steps::read(request)?;
    let wanted = request.u32()? as usize;
    let block = Block::read(request)?;
    request.end()?;
    if wanted >= block.transactions.len() {
        return Err(Fault::Input("no such transaction in the block"));
    }
    let context = block.context.open(store, block.parent_state_root);
    let mut evm: BlockEvm<'_, Steps> = block.context.equip(context.build_mainnet_with_inspector(steps));
    block.begin(&mut evm)?;
    let mut gas_before = 0;
    for index in 0..wanted {
        let outcome = match block.transaction(index, gas_before) {
            Ok(tx) => split_result(evm.transact_commit(tx))?,
            Err(reject) => Err(reject),
        };
        match outcome {
            Ok(result) => gas_before += result.tx_gas_used(),
            Err(reject) => block.refuse(index, &reject)?,
        }
    }
    let result = match block.transaction(wanted, gas_before) {
        Ok(tx) => split_result(evm.inspect_one_tx(tx))?,
        Err(reject) => Err(reject),
    };
    write_result(out, &result);
    evm.inspector.write(out);
    Ok(())
}
