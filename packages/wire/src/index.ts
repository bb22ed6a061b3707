export { decodeAttest, encodeAttest, signAttest, verifyAttest } from './attest.ts'
export { bitmapBytes, bitmapCount, bitmapHas, bitmapIndices, bitmapOf, isBitmapOver } from './bitmap.ts'
export { bodyHashOf, decodeBlock, encodeBlock, signBlock } from './block.ts'
export { BOUNDS } from './bounds.ts'
export {
  certificateFromVotes,
  decodeCertificate,
  encodeCertificate,
  signersOf,
  verifyCertificate
} from './certificate.ts'
export { decodeCheckpointManifest, encodeCheckpointManifest, leafDigest } from './checkpoint.ts'
export {
  decodeSignedDelta,
  decodeSignedDeltaHeader,
  decodeSignedDeltaHeaders,
  deltaDigest,
  encodeSignedDelta,
  encodeSignedDeltaHeader,
  encodeSignedDeltaHeaders,
  SIGNED_DELTA_HEADER_BYTES,
  signDeltaHeader,
  verifyDeltaHeader
} from './delta.ts'
export { decodeEpochProof, encodeEpochProof } from './epoch-proof.ts'
export {
  accusedOf,
  contradict,
  decodeEvidence,
  type EvidenceFault,
  encodeEvidence,
  type Offence,
  verifyEvidence
} from './evidence.ts'
export type { WireFault } from './faults.ts'
export {
  chainIdOf,
  decodeGenesis,
  encodeGenesis,
  rulesHashOf,
  trainerSetHash,
  validatorSetHash
} from './genesis.ts'
export { decodeGetRequest, encodeGetRequest } from './get.ts'
export { blockIdOf, verifyBlockSignature } from './header.ts'
export { decodeHello, encodeHello } from './hello.ts'
export { isUsableKey, type KeyPair, keyPairFromSeed, openSslKey, sign, verify, verifyBytes } from './keys.ts'
export { DigestList, type List, Packed } from './packed.ts'
export { isMoreThanThird, isQuorum } from './quorum.ts'
export { isPrintable } from './shape.ts'
export { decodeSyncReply, decodeSyncRequest, encodeSyncReply, encodeSyncRequest } from './sync.ts'
export { decodeTicket, encodeTicket, isExpired, type TicketFault } from './ticket.ts'
export {
  decodeTransaction,
  encodeTransaction,
  type StakeOrder,
  signRegister,
  signStake,
  transactionId,
  verifyTransaction
} from './transaction.ts'
export * from './types.ts'
export { type GenesisFault, validateGenesis } from './validate-genesis.ts'
export { decodeVote, encodeVote, signVote, verifyVote, voteSigningBytes } from './vote.ts'
