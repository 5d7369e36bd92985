//! Why a transaction or call cannot start, as a code that TypeScript names (`InvalidCode`) and a sentence.
use crate::fault::Fault;
use revm::context_interface::result::{EVMError, InvalidTransaction};

/// Positions in the list `invalidCodes` of `src/answer.ts`.
pub mod code {
    pub const MALFORMED: u8 = 0;
    pub const TYPE_UNSUPPORTED: u8 = 1;
    pub const CHAIN_ID: u8 = 2;
    pub const NONCE_TOO_LOW: u8 = 3;
    pub const NONCE_TOO_HIGH: u8 = 4;
    pub const INSUFFICIENT_FUNDS: u8 = 5;
    pub const FEE_BELOW_BASE: u8 = 6;
    pub const PRIORITY_ABOVE_MAX_FEE: u8 = 7;
    pub const INTRINSIC_GAS: u8 = 8;
    pub const GAS_ABOVE_LIMIT: u8 = 9;
    pub const BLOCK_GAS: u8 = 10;
    pub const SENDER_NOT_EOA: u8 = 11;
    pub const INIT_CODE_SIZE: u8 = 12;
    pub const OTHER: u8 = 13;
}

#[derive(Clone, Debug)]
pub struct Reject {
    pub code: u8,
    pub message: std::borrow::Cow<'static, str>,
}

impl Reject {
    pub const fn fixed(code: u8, message: &'static str) -> Self {
        Self { code, message: std::borrow::Cow::Borrowed(message) }
    }

    pub fn of(invalid: &InvalidTransaction) -> Self {
        use InvalidTransaction as I;
        let code = match invalid {
            I::InvalidChainId | I::MissingChainId => code::CHAIN_ID,
            I::NonceTooLow { .. } => code::NONCE_TOO_LOW,
            I::NonceTooHigh { .. } => code::NONCE_TOO_HIGH,
            I::LackOfFundForMaxFee { .. } | I::OverflowPaymentInTransaction => code::INSUFFICIENT_FUNDS,
            I::GasPriceLessThanBasefee => code::FEE_BELOW_BASE,
            I::PriorityFeeGreaterThanMaxFee => code::PRIORITY_ABOVE_MAX_FEE,
            I::CallGasCostMoreThanGasLimit { .. } | I::GasFloorMoreThanGasLimit { .. } => code::INTRINSIC_GAS,
            I::CallerGasLimitMoreThanBlock | I::TxGasLimitGreaterThanCap { .. } => code::GAS_ABOVE_LIMIT,
            I::RejectCallerWithCode => code::SENDER_NOT_EOA,
            I::CreateInitCodeSizeLimit => code::INIT_CODE_SIZE,
            _ => code::OTHER,
        };
        Self { code, message: invalid.to_string().into() }
    }
}

/// Splits revm's error: what the transaction did wrong, and what went wrong with us.
pub fn split(error: EVMError<Fault>) -> Result<Reject, Fault> {
    match error {
        EVMError::Transaction(invalid) => Ok(Reject::of(&invalid)),
        EVMError::Database(fault) => Err(fault),
        other => Err(Fault::Engine(other.to_string())),
    }
}
