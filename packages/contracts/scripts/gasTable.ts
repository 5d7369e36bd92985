/** Gas by the name of the call. */
export type GasTable = { [call: string]: number }
