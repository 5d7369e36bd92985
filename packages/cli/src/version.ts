/** Of this program, as `--version` and a provider's status say it. */
export const version = '0.1.0'
