//! Reads signed transactions: legacy, EIP-2930, EIP-1559 and, from Prague, EIP-7702. Blob transactions are not taken.
//! Signatures are the caller's affair: it recovers the sender on its own threads.
use crate::{
    reject::{Reject, code},
    rlp::List,
};
use revm::{
    context::TxEnv,
    context_interface::{
        either::Either,
        transaction::{AccessList, AccessListItem, Authorization, SignedAuthorization},
    },
    primitives::{Address, Bytes, TxKind, U256, hardfork::SpecId},
};

const MALFORMED: Reject = Reject::fixed(code::MALFORMED, "the bytes are not a canonical signed transaction");

pub fn decode(raw: &[u8], sender: Address, spec: SpecId) -> Result<TxEnv, Reject> {
    let mut tx = TxEnv { caller: sender, ..blank() };
    let first = *raw.first().ok_or(MALFORMED)?;
    match first {
        0xc0.. => legacy(&mut tx, List::open(raw).ok_or(MALFORMED)?).ok_or(MALFORMED)?,
        1 | 2 => typed(&mut tx, first, List::open(&raw[1..]).ok_or(MALFORMED)?).ok_or(MALFORMED)?,
        4 if spec.is_enabled_in(SpecId::PRAGUE) => {
            typed(&mut tx, first, List::open(&raw[1..]).ok_or(MALFORMED)?).ok_or(MALFORMED)?
        }
        3 => return Err(Reject::fixed(code::TYPE_UNSUPPORTED, "blob transactions are not taken on this chain")),
        4 => return Err(Reject::fixed(code::TYPE_UNSUPPORTED, "EIP-7702 transactions need the prague rules")),
        5..=0x7f => return Err(Reject::fixed(code::TYPE_UNSUPPORTED, "unknown transaction type")),
        _ => return Err(MALFORMED),
    }
    Ok(tx)
}

pub fn blank() -> TxEnv {
    TxEnv {
        tx_type: 0,
        caller: Address::ZERO,
        gas_limit: 0,
        gas_price: 0,
        kind: TxKind::Create,
        value: U256::ZERO,
        data: Bytes::new(),
        nonce: 0,
        chain_id: None,
        access_list: AccessList::default(),
        gas_priority_fee: None,
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: Vec::new(),
    }
}

fn legacy(tx: &mut TxEnv, mut list: List<'_>) -> Option<()> {
    tx.nonce = list.u64()?;
    tx.gas_price = list.u128()?;
    tx.gas_limit = list.u64()?;
    body(tx, &mut list)?;
    let v = list.u64()?;
    tx.chain_id = match v {
        27 | 28 => None,
        35.. => Some((v - 35) / 2),
        _ => return None,
    };
    list.u256()?;
    list.u256()?;
    list.end()
}

fn typed(tx: &mut TxEnv, tx_type: u8, mut list: List<'_>) -> Option<()> {
    tx.tx_type = tx_type;
    tx.chain_id = Some(list.u64()?);
    tx.nonce = list.u64()?;
    if tx_type != 1 {
        tx.gas_priority_fee = Some(list.u128()?);
    }
    tx.gas_price = list.u128()?;
    tx.gas_limit = list.u64()?;
    body(tx, &mut list)?;
    tx.access_list = access_list(list.list()?)?;
    if tx_type == 4 {
        matches!(tx.kind, TxKind::Call(_)).then_some(())?;
        let mut items = list.list()?;
        while !items.is_empty() {
            tx.authorization_list.push(Either::Left(authorization(items.list()?)?));
        }
    }
    let parity = list.u64()?;
    list.u256()?;
    list.u256()?;
    (parity <= 1).then_some(())?;
    list.end()
}

/// `to`, `value` and `data`, which every type has in this order.
fn body(tx: &mut TxEnv, list: &mut List<'_>) -> Option<()> {
    let to = list.string()?;
    tx.kind = match to.len() {
        0 => TxKind::Create,
        20 => TxKind::Call(Address::from_slice(to)),
        _ => return None,
    };
    tx.value = list.u256()?;
    tx.data = Bytes::copy_from_slice(list.string()?);
    Some(())
}

fn access_list(mut items: List<'_>) -> Option<AccessList> {
    let mut list = Vec::new();
    while !items.is_empty() {
        let mut item = items.list()?;
        let address = item.address()?;
        let mut keys = item.list()?;
        item.end()?;
        let mut storage_keys = Vec::new();
        while !keys.is_empty() {
            storage_keys.push(keys.hash()?);
        }
        list.push(AccessListItem { address, storage_keys });
    }
    Some(AccessList(list))
}

fn authorization(mut item: List<'_>) -> Option<SignedAuthorization> {
    let inner = Authorization { chain_id: item.u256()?, address: item.address()?, nonce: item.u64()? };
    let parity = u8::try_from(item.u64()?).ok()?;
    let signed = SignedAuthorization::new_unchecked(inner, parity, item.u256()?, item.u256()?);
    item.end()?;
    Some(signed)
}
