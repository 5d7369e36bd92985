//! Receipts: what a transaction left behind, as the answer carries it and as the receipts trie hashes it.
use crate::{keccak::keccak256, rlp, wire::Writer};
use revm::primitives::{
    Address, Log,
    alloy_primitives::{Bloom, BloomInput},
};

pub struct Receipt {
    pub input_index: u32,
    pub tx_type: u8,
    pub success: bool,
    pub gas_used: u64,
    pub cumulative_gas_used: u64,
    pub effective_gas_price: u128,
    pub contract_address: Option<Address>,
    pub bloom: Bloom,
    pub logs: Vec<Log>,
}

impl Receipt {
    /// EIP-2718 envelope: type (unless legacy), then `[status, cumulativeGasUsed, bloom, logs]`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(300 + 128 * self.logs.len());
        if self.tx_type != 0 {
            out.push(self.tx_type);
        }
        let start = out.len();
        out.push(if self.success { 1 } else { 0x80 });
        rlp::put_u64(&mut out, self.cumulative_gas_used);
        rlp::put_string(&mut out, self.bloom.as_slice());
        let logs = out.len();
        for log in &self.logs {
            encode_log(&mut out, log);
        }
        rlp::wrap_list(&mut out, logs);
        rlp::wrap_list(&mut out, start);
        out
    }

    pub fn write(&self, out: &mut Writer) {
        out.u32(self.input_index);
        out.u8(self.tx_type);
        out.flag(self.success);
        out.u64(self.gas_used);
        out.u64(self.cumulative_gas_used);
        out.u128(self.effective_gas_price);
        out.flag(self.contract_address.is_some());
        if let Some(address) = self.contract_address {
            out.raw(address.as_slice());
        }
        write_logs(out, &self.logs);
        // The bloom of no logs is all zeros; the other side knows that.
        if !self.logs.is_empty() {
            out.raw(self.bloom.as_slice());
        }
    }
}

fn encode_log(out: &mut Vec<u8>, log: &Log) {
    let start = out.len();
    rlp::put_string(out, log.address.as_slice());
    let topics = out.len();
    for topic in log.topics() {
        rlp::put_string(out, topic.as_slice());
    }
    rlp::wrap_list(out, topics);
    rlp::put_string(out, &log.data.data);
    rlp::wrap_list(out, start);
}

pub fn write_logs(out: &mut Writer, logs: &[Log]) {
    out.count(logs.len());
    for log in logs {
        out.raw(log.address.as_slice());
        out.u8(log.topics().len() as u8);
        for topic in log.topics() {
            out.raw(topic.as_slice());
        }
        out.bytes(&log.data.data);
    }
}

/// The bloom of these logs: address and topics, each with its three bits.
pub fn bloom_of(logs: &[Log]) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in logs {
        bloom.accrue(BloomInput::Hash(keccak256(log.address.as_slice())));
        for topic in log.topics() {
            bloom.accrue(BloomInput::Hash(keccak256(topic.as_slice())));
        }
    }
    bloom
}
