//! Notes which addresses and slots a call touches, for EIP-2930 access lists. Sender, target, created accounts,
//! precompiles and the coinbase are warm anyway and left out, unless one of their slots is touched.
use crate::context::BlockContext;
use revm::{
    Inspector,
    bytecode::opcode,
    context::TxEnv,
    context_interface::transaction::{AccessList, AccessListItem},
    interpreter::{
        CreateInputs, CreateOutcome, Interpreter,
        interpreter::EthInterpreter,
        interpreter_types::{InputsTr, Jumps},
    },
    primitives::{Address, AddressSet, B256, TxKind, U256},
};
use std::collections::{BTreeMap, BTreeSet};

pub struct Touches {
    touched: BTreeMap<Address, BTreeSet<B256>>,
    warm: AddressSet,
}

impl Touches {
    pub fn new(tx: &TxEnv, context: &BlockContext) -> Self {
        let mut warm = context.precompiles().warm_addresses().clone();
        warm.insert(tx.caller);
        warm.insert(context.coinbase);
        if let TxKind::Call(to) = tx.kind {
            warm.insert(to);
        }
        let mut touches = Self { touched: BTreeMap::new(), warm };
        for item in &tx.access_list.0 {
            touches.touched.entry(item.address).or_default().extend(&item.storage_keys);
        }
        touches
    }

    pub fn into_access_list(self) -> AccessList {
        let warm = self.warm;
        let kept = self.touched.into_iter().filter(|(address, slots)| !slots.is_empty() || !warm.contains(address));
        AccessList(
            kept.map(|(address, slots)| AccessListItem { address, storage_keys: slots.into_iter().collect() })
                .collect(),
        )
    }

    fn address(&mut self, word: &U256) {
        self.touched.entry(Address::from_word(B256::from(word.to_be_bytes::<32>()))).or_default();
    }
}

impl<CTX> Inspector<CTX, EthInterpreter> for Touches {
    fn step(&mut self, interpreter: &mut Interpreter<EthInterpreter>, _context: &mut CTX) {
        let stack = interpreter.stack.data();
        let top = |depth: usize| stack.len().checked_sub(depth + 1).map(|index| stack[index]);
        match interpreter.bytecode.opcode() {
            opcode::SLOAD | opcode::SSTORE => {
                if let Some(slot) = top(0) {
                    let address = interpreter.input.target_address();
                    self.touched.entry(address).or_default().insert(B256::from(slot.to_be_bytes::<32>()));
                }
            }
            opcode::BALANCE
            | opcode::EXTCODESIZE
            | opcode::EXTCODECOPY
            | opcode::EXTCODEHASH
            | opcode::SELFDESTRUCT => {
                if let Some(word) = top(0) {
                    self.address(&word);
                }
            }
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL => {
                if let Some(word) = top(1) {
                    self.address(&word);
                }
            }
            _ => {}
        }
    }

    fn create_end(&mut self, _context: &mut CTX, _inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        if let Some(address) = outcome.address {
            self.warm.insert(address);
        }
    }
}
