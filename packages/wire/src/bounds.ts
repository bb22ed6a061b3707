/**
 * The most that one message may say. A decoder refuses more before it builds anything, so the memory
 * that a stranger can make a peer spend is a small multiple of these figures.
 */

const KIB = 1024
const MIB = 1024 * KIB

export const U32_MAX = 0xffff_ffff
export const U64_MAX = 0xffff_ffff_ffff_ffffn

export const BOUNDS = {
  /** Epoch, slot, height, round: u32. At ten blocks a second a mesh lasts 13 years. */
  counterMax: U32_MAX,
  validatorsMax: 128,
  /** Trainers in the registry, so bits in an attestation. */
  trainersMax: 16_384,
  /** Trainers whose deltas one block names; also keys and trainers scored. */
  deltasPerBlockMax: 64,
  /** An epoch's first slot lies so far above its boundary's slot: no two epochs ever vote in one slot. */
  slotsBetweenEpochs: 4_096,
  attestsPerBlockMax: 128,
  scoresPerBlockMax: 128 * 64,
  txsPerBlockMax: 256,
  evidencePerBlockMax: 64,
  innerStepsMax: 65_535,
  payloadBytesMax: 32 * MIB,
  blockBytesMax: MIB,
  genesisBytesMax: MIB,
  transactionBytesMax: 4 * KIB,
  evidenceBytesMax: 8 * KIB,
  requestBytesMax: KIB,
  syncReplyBytesMax: 8 * MIB,
  syncBlocksMax: 1_024,
  syncLiveMax: 1_024,
  accountsBytesMax: 16 * MIB,
  /** Leaves of 16 KiB: 268 million parameters. */
  leavesMax: 65_536,
  /** Leaves that one request may ask for: 1 MiB of 16 KiB each. */
  leavesAtOnceMax: 64,
  /** Two validator sets, and a proof of them. */
  setsBytesMax: 12 * KIB,
  epochProofBytesMax: 24 * KIB,
  checkpointBytesMax: 24 * MIB,
  nameBytesMax: 64,
  labelBytesMax: 32,
  /** Epochs for which a bond stays slashable: entries in the schedules of an account. */
  unbondingEpochsMax: 16,
  agentBytesMax: 64,
  tensorsMax: 4_096,
  tensorNameBytesMax: 256,
  tensorRankMax: 8,
  taskOptionsMax: 64,
  taskTextBytesMax: 1_024,
  ticketAddressesMax: 16,
  ticketAddressBytesMax: 256,
  ticketTextMax: 8_192
} as const
