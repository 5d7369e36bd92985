export type { Credential } from './auth/verifySignature.ts'
export { KeyUnreadableError } from './content/loadKey.ts'
export { CredentialsMissingError, type S3Gateway, type S3GatewayOptions, startS3Gateway } from './startS3Gateway.ts'
