//! Every opcode of one transaction, as geth's struct logger shows it. Bounded in steps and in bytes.
use crate::{
    fault::Fault,
    wire::{Reader, Writer},
};
use revm::{
    Inspector,
    bytecode::opcode,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter,
        interpreter::EthInterpreter,
        interpreter_types::{Jumps, MemoryTr},
    },
    primitives::U256,
};

/// All snapshots of stack and memory together; beyond it the trace is cut, not the machine.
const SNAPSHOT_BYTES_MAX: u64 = 256 << 20;

pub struct Steps {
    with_stack: bool,
    with_memory: bool,
    with_storage: bool,
    steps_max: u32,
    steps: Vec<Step>,
    snapshot_bytes: u64,
    truncated: bool,
    /// Refund counters of the open frames; the innermost last. Their sum is the transaction's.
    refunds: Vec<i64>,
}

struct Step {
    pc: u32,
    opcode: u8,
    depth: u32,
    gas: u64,
    gas_cost: u64,
    refund: i64,
    stack: Vec<U256>,
    memory: Vec<u8>,
    storage: Option<(U256, U256)>,
}

impl Steps {
    pub fn read(request: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(Self {
            with_stack: request.flag()?,
            with_memory: request.flag()?,
            with_storage: request.flag()?,
            steps_max: request.u32()?,
            steps: Vec::new(),
            snapshot_bytes: 0,
            truncated: false,
            refunds: Vec::new(),
        })
    }

    pub fn write(&self, out: &mut Writer) {
        out.flag(self.truncated);
        out.flag(self.with_stack);
        out.flag(self.with_memory);
        out.count(self.steps.len());
        for step in &self.steps {
            out.u32(step.pc);
            out.u8(step.opcode);
            out.u32(step.depth);
            out.u64(step.gas);
            out.u64(step.gas_cost);
            out.u64(step.refund.max(0) as u64);
            if self.with_stack {
                out.count(step.stack.len());
                step.stack.iter().for_each(|word| out.u256(word));
            }
            if self.with_memory {
                out.bytes(&step.memory);
            }
            out.flag(step.storage.is_some());
            if let Some((slot, value)) = &step.storage {
                out.u256(slot);
                out.u256(value);
            }
        }
    }
}

impl<CTX> Inspector<CTX, EthInterpreter> for Steps {
    fn step(&mut self, interpreter: &mut Interpreter<EthInterpreter>, _context: &mut CTX) {
        if let Some(refund) = self.refunds.last_mut() {
            *refund = interpreter.gas.refunded();
        }
        if self.steps.len() as u64 >= self.steps_max as u64 || self.snapshot_bytes > SNAPSHOT_BYTES_MAX {
            self.truncated = true;
            return;
        }
        let stack = interpreter.stack.data();
        let opcode = interpreter.bytecode.opcode();
        let word = |depth: usize| stack.len().checked_sub(depth + 1).map(|index| stack[index]);
        let storage = match (self.with_storage, opcode, word(0)) {
            (true, opcode::SLOAD, Some(slot)) => Some((slot, U256::ZERO)),
            (true, opcode::SSTORE, Some(slot)) => word(1).map(|value| (slot, value)),
            _ => None,
        };
        let memory =
            if self.with_memory { interpreter.memory.slice(0..interpreter.memory.size()).to_vec() } else { Vec::new() };
        let stack = if self.with_stack { stack.to_vec() } else { Vec::new() };
        self.snapshot_bytes += 128 + 32 * stack.len() as u64 + memory.len() as u64;
        self.steps.push(Step {
            pc: interpreter.bytecode.pc() as u32,
            opcode,
            depth: self.refunds.len() as u32,
            gas: interpreter.gas.remaining(),
            gas_cost: 0,
            refund: self.refunds.iter().sum(),
            stack,
            memory,
            storage,
        });
    }

    fn step_end(&mut self, interpreter: &mut Interpreter<EthInterpreter>, _context: &mut CTX) {
        if self.truncated {
            return;
        }
        let Some(step) = self.steps.last_mut() else { return };
        step.gas_cost = step.gas.saturating_sub(interpreter.gas.remaining());
        if let (opcode::SLOAD, Some((_, value)), Some(top)) =
            (step.opcode, &mut step.storage, interpreter.stack.data().last())
        {
            *value = *top;
        }
    }

    fn call(&mut self, _context: &mut CTX, _inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.refunds.push(0);
        None
    }

    fn call_end(&mut self, _context: &mut CTX, _inputs: &CallInputs, _outcome: &mut CallOutcome) {
        self.refunds.pop();
    }

    fn create(&mut self, _context: &mut CTX, _inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.refunds.push(0);
        None
    }

    fn create_end(&mut self, _context: &mut CTX, _inputs: &CreateInputs, _outcome: &mut CreateOutcome) {
        self.refunds.pop();
    }
}
