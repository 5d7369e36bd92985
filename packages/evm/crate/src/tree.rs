//! The tree of calls of one transaction, as geth's callTracer shows it.
use crate::{receipt::write_logs, wire::Writer};
use revm::{
    Inspector,
    context_interface::{ContextTr, CreateScheme},
    interpreter::{
        CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, InstructionResult, InterpreterResult,
        interpreter::EthInterpreter,
    },
    primitives::{Address, Bytes, Log, U256},
};

/// Positions in the list `frameTypes` of `src/decodeTrace.ts`.
#[derive(Clone, Copy)]
#[repr(u8)]
enum FrameType {
    Call,
    CallCode,
    DelegateCall,
    StaticCall,
    Create,
    Create2,
    SelfDestruct,
}

pub struct Frame {
    frame_type: FrameType,
    from: Address,
    to: Option<Address>,
    value: U256,
    pub gas: u64,
    pub gas_used: u64,
    input: Bytes,
    output: Bytes,
    error: Option<String>,
    logs: Vec<Log>,
    calls: Vec<Frame>,
}

impl Frame {
    fn new(frame_type: FrameType, from: Address, value: U256, gas: u64, input: Bytes) -> Self {
        let (output, logs, calls) = (Bytes::new(), Vec::new(), Vec::new());
        Self { frame_type, from, to: None, value, gas, gas_used: 0, input, output, error: None, logs, calls }
    }

    pub fn write(&self, out: &mut Writer) {
        out.u8(self.frame_type as u8);
        out.raw(self.from.as_slice());
        out.flag(self.to.is_some());
        if let Some(to) = self.to {
            out.raw(to.as_slice());
        }
        out.u256(&self.value);
        out.u64(self.gas);
        out.u64(self.gas_used);
        out.bytes(&self.input);
        out.bytes(&self.output);
        out.flag(self.error.is_some());
        if let Some(error) = &self.error {
            out.bytes(error.as_bytes());
        }
        write_logs(out, &self.logs);
        out.count(self.calls.len());
        for call in &self.calls {
            call.write(out);
        }
    }

    /// What a failed call logged did not happen, nor what its callees did.
    fn forget_logs(&mut self) {
        self.logs.clear();
        self.calls.iter_mut().for_each(Frame::forget_logs);
    }
}

#[derive(Default)]
pub struct CallTree {
    open: Vec<Frame>,
    pub root: Option<Frame>,
}

impl CallTree {
    fn close(&mut self, result: &InterpreterResult) {
        let Some(mut frame) = self.open.pop() else { return };
        frame.gas_used = result.gas.total_gas_spent();
        frame.output = result.output.clone();
        if !result.result.is_ok() {
            frame.error = Some(error_words(result.result));
            frame.forget_logs();
        }
        match self.open.last_mut() {
            Some(parent) => parent.calls.push(frame),
            None => self.root = Some(frame),
        }
    }
}

impl<CTX: ContextTr> Inspector<CTX, EthInterpreter> for CallTree {
    fn log(&mut self, _context: &mut CTX, log: Log) {
        if let Some(frame) = self.open.last_mut() {
            frame.logs.push(log);
        }
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let (frame_type, from, to) = match inputs.scheme {
            CallScheme::Call => (FrameType::Call, inputs.caller, inputs.target_address),
            CallScheme::CallCode => (FrameType::CallCode, inputs.caller, inputs.bytecode_address),
            CallScheme::DelegateCall => (FrameType::DelegateCall, inputs.target_address, inputs.bytecode_address),
            CallScheme::StaticCall => (FrameType::StaticCall, inputs.caller, inputs.target_address),
        };
        let mut frame =
            Frame::new(frame_type, from, inputs.call_value(), inputs.gas_limit, inputs.input.bytes(context));
        frame.to = Some(to);
        self.open.push(frame);
        None
    }

    fn call_end(&mut self, _context: &mut CTX, _inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.close(&outcome.result);
    }

    fn create(&mut self, _context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let frame_type = match inputs.scheme() {
            CreateScheme::Create2 { .. } => FrameType::Create2,
            _ => FrameType::Create,
        };
        let input = inputs.init_code().clone();
        self.open.push(Frame::new(frame_type, inputs.caller(), inputs.value(), inputs.gas_limit(), input));
        None
    }

    fn create_end(&mut self, _context: &mut CTX, _inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        if let Some(frame) = self.open.last_mut() {
            frame.to = outcome.address;
        }
        self.close(&outcome.result);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        if let Some(frame) = self.open.last_mut() {
            let mut child = Frame::new(FrameType::SelfDestruct, contract, value, 0, Bytes::new());
            child.to = Some(target);
            frame.calls.push(child);
        }
    }
}

/// geth's words.
fn error_words(result: InstructionResult) -> String {
    use InstructionResult as R;
    match result {
        R::Revert => "execution reverted".into(),
        R::OutOfGas
        | R::MemoryOOG
        | R::MemoryLimitOOG
        | R::PrecompileOOG
        | R::InvalidOperandOOG
        | R::ReentrancySentryOOG => "out of gas".into(),
        R::OpcodeNotFound | R::NotActivated => "invalid opcode".into(),
        R::InvalidFEOpcode => "invalid opcode: INVALID".into(),
        R::InvalidJump => "invalid jump destination".into(),
        R::StackUnderflow => "stack underflow".into(),
        R::StackOverflow => "stack limit reached 1024 (1023)".into(),
        R::CallTooDeep => "max call depth exceeded".into(),
        R::OutOfFunds => "insufficient balance for transfer".into(),
        R::StateChangeDuringStaticCall | R::CallNotAllowedInsideStatic => "write protection".into(),
        R::CreateCollision => "contract address collision".into(),
        R::CreateContractSizeLimit => "max code size exceeded".into(),
        R::CreateContractStartingWithEF => "invalid code: must not begin with 0xef".into(),
        R::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        R::OutOfOffset => "return data out of bounds".into(),
        R::NonceOverflow => "nonce uint64 overflow".into(),
        other => format!("{other:?}"),
    }
}
