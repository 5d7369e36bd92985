//! The block around a transaction or call, read from a request and given to revm.
use crate::{fault::Fault, state::State, store::Store, wire::Reader};
use revm::{
    Context, Journal,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::block::BlobExcessGasAndPrice,
    primitives::{Address, B256, U256, hardfork::SpecId},
};

/// Of all frames of a transaction together. Reaching it takes 34 billion gas, so no block can; a call with absurd gas can.
const MEMORY_BYTES_MAX: u64 = 128 << 20;

pub type EvmContext<'a> = Context<BlockEnv, TxEnv, CfgEnv, State<'a>, Journal<State<'a>>, ()>;

#[derive(Clone)]
pub struct BlockContext {
    pub number: u64,
    pub timestamp: u64,
    pub coinbase: Address,
    pub gas_limit: u64,
    pub base_fee: u64,
    prev_randao: B256,
    pub chain_id: u64,
    pub spec: SpecId,
    block_hashes: Vec<B256>,
}

impl BlockContext {
    pub fn read(request: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            number: request.u64()?,
            timestamp: request.u64()?,
            coinbase: request.address()?,
            gas_limit: request.u64()?,
            base_fee: request.u64()?,
            prev_randao: request.hash()?,
            chain_id: request.u64()?,
            spec: match request.u8()? {
                0 => SpecId::CANCUN,
                1 => SpecId::PRAGUE,
                2 => SpecId::OSAKA,
                _ => return Err(Fault::Input("unknown spec")),
            },
            block_hashes: request.list(32, Reader::hash)?,
        })
    }

    pub fn parent_hash(&self) -> Option<B256> {
        self.block_hashes.first().copied()
    }

    pub fn open<'a>(&self, store: &'a mut Store, root: B256) -> EvmContext<'a> {
        let state = State::new(store, root, self.number, self.block_hashes.clone());
        let mut context: EvmContext<'a> = Context::new(state, self.spec);
        context.cfg.chain_id = self.chain_id;
        context.cfg.memory_limit = MEMORY_BYTES_MAX;
        let blob_fraction = context.cfg.blob_base_fee_update_fraction();
        context.block = BlockEnv {
            number: U256::from(self.number),
            beneficiary: self.coinbase,
            timestamp: U256::from(self.timestamp),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(self.prev_randao),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, blob_fraction)),
            slot_num: 0,
        };
        context
    }

    /// The same for eth_call: no nonce, no block gas limit, senders with code, and no base fee when no fee is named.
    pub fn open_for_call<'a>(&self, store: &'a mut Store, root: B256, free: bool) -> EvmContext<'a> {
        let mut context = self.open(store, root);
        context.cfg.disable_nonce_check = true;
        context.cfg.disable_block_gas_limit = true;
        context.cfg.disable_eip3607 = true;
        context.cfg.disable_base_fee = free;
        context.cfg.tx_gas_limit_cap = Some(u64::MAX);
        context
    }
}
