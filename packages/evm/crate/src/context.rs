//! The block around a transaction or call, read from a request and given to revm.
use crate::{fault::Fault, state::State, store::Store, wire::Reader};
use revm::{
    Context, Journal, MainnetEvm,
    context::{BlockEnv, CfgEnv, TxEnv},
    context_interface::block::BlobExcessGasAndPrice,
    handler::EthPrecompiles,
    precompile::{Precompiles, secp256r1::P256VERIFY_OSAKA},
    primitives::{Address, B256, U256, hardfork::SpecId},
};
use std::sync::OnceLock;

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
    /// The precompile of EIP-7951 before the fork that brings it.
    has_p256: bool,
    block_hashes: Vec<B256>,
}

impl BlockContext {
    pub fn read(request: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut context = Self {
            number: request.u64()?,
            timestamp: request.u64()?,
            coinbase: request.address()?,
            gas_limit: request.u64()?,
            base_fee: request.u64()?,
            prev_randao: request.hash()?,
            chain_id: request.u64()?,
            spec: SpecId::CANCUN,
            has_p256: false,
            block_hashes: Vec::new(),
        };
        (context.spec, context.has_p256) = match request.u8()? {
            0 => (SpecId::CANCUN, false),
            1 => (SpecId::PRAGUE, false),
            2 => (SpecId::OSAKA, true),
            3 => (SpecId::CANCUN, true),
            _ => return Err(Fault::Input("unknown spec")),
        };
        context.block_hashes = request.list(32, Reader::hash)?;
        Ok(context)
    }

    pub fn precompiles(&self) -> EthPrecompiles {
        static CANCUN_P256: OnceLock<Precompiles> = OnceLock::new();
        if self.spec != SpecId::CANCUN || !self.has_p256 {
            return EthPrecompiles::new(self.spec);
        }
        let precompiles = CANCUN_P256.get_or_init(|| {
            let mut all = Precompiles::cancun().clone();
            all.extend([P256VERIFY_OSAKA]);
            all
        });
        EthPrecompiles { precompiles, spec: self.spec }
    }

    /// Gives a machine that was built for the fork alone the precompiles of this block.
    pub fn equip<'a, I>(&self, evm: MainnetEvm<EvmContext<'a>, I>) -> MainnetEvm<EvmContext<'a>, I> {
        MainnetEvm { precompiles: self.precompiles(), ..evm }
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
