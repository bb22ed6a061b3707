/**
 * The messages of the mesh as values. Codecs live beside this file, one message a file; each decoder
 * takes any bytes and answers with the value or a `Fault`, and what decodes re-encodes to the same bytes.
 *
 * Numbers are safe integers unless they are money or stake, which are `bigint` (u64 on the wire).
 * Digests, keys and signatures are byte arrays of 32, 32 and 64.
 */
import type { DigestList, List } from './packed.ts'

/** Goes up when peers of two releases could no longer understand each other. */
export const PROTOCOL_VERSION = 3

export type Digest = Uint8Array
export type PublicKey = Uint8Array
export type Signature = Uint8Array

// ---------------------------------------------------------------- genesis

export interface TensorSpec {
  /** As in a safetensors file, for example `layers.0.weight`. */
  readonly name: string
  readonly shape: readonly number[]
  readonly trainable: boolean
  /** Initial weights are uniform integers in [-initBound, initBound], unit 2^-24, drawn from the genesis seed. */
  readonly initBound: number
  /** The digest of frozen base weights, for tensors that start from a published checkpoint. */
  readonly base: Digest | null
}

export interface GenesisValidator {
  readonly key: PublicKey
  readonly stake: bigint
}

/** What every peer of a mesh agrees on. Its digest is the mesh's id (`chainId`). */
export interface Genesis {
  readonly protocol: number
  readonly name: string
  readonly seed: Digest
  /** Which task plug-in trains, and its own options as plain integers and texts. */
  readonly task: {
    readonly id: string
    readonly digest: Digest | null
    readonly options: Readonly<Record<string, number | string>>
  }
  readonly tensors: readonly TensorSpec[]
  readonly training: {
    /** H_max: inner steps for a complete delta. */
    readonly innerSteps: number
    readonly batch: number
    /** Inner learning rate, unit 1e-6. */
    readonly innerRateMicro: number
    /** Outer learning rate, unit 2^-16. */
    readonly outerRateQ16: number
    readonly warmupRounds: number
  }
  readonly delta: { readonly chunk: number; readonly keep: number; readonly errorDecayQ8: number }
  readonly privacy: 'plain' | 'sealed'
  readonly timing: { readonly roundDeadlineMs: number }
  /** The run ends with the block that completes this round; null: never. */
  readonly end: { readonly rounds: number | null }
  /** Money minted a round, shared in proportion to weight. */
  readonly rewardPerRound: bigint
  /** A full checkpoint is kept every so many heights. */
  readonly checkpointEvery: number
  /** How the validator set may change. An epoch is a number of rounds: only a closed round changes the state. */
  readonly epochs: {
    /** Rounds of an epoch, at least 2: then in every epoch some block has a FINAL certificate of its own. */
    readonly rounds: number
    /** The least bond with which a trainer may vote. */
    readonly bondMin: bigint
    /** For so many epochs after it stopped to vote, a bond can still be slashed; as long, rewards vest. */
    readonly unbonding: number
    /** A validator that attested in none of so many rounds, one after the other, leaves with the next set. */
    readonly absentRounds: number
  }
  readonly validators: List<GenesisValidator>
  /**
   * Of a mesh that its operators started anew from the final state of another, most of whose validators were lost.
   * Another mesh all the same: no signature counts in both.
   */
  readonly parent?: GenesisParent
}

/** What a mesh goes on from. */
export interface GenesisParent {
  readonly chainId: Digest
  /** Its newest final block, and the root of the state after it. */
  readonly height: number
  readonly stateRoot: Digest
  /** The root of that state as this mesh begins with it: the same weights and money, the survivors' set. */
  readonly startRoot: Digest
}

export type EpochRules = Genesis['epochs']

// ---------------------------------------------------------------- votes and certificates

export const VoteKind = { NOTAR: 1, SKIP: 2, FINAL: 3 } as const
export type VoteKind = (typeof VoteKind)[keyof typeof VoteKind]

/** A vote as it is signed. SKIP carries the zero digest. */
export interface VoteBody {
  readonly epoch: number
  readonly slot: number
  readonly kind: VoteKind
  readonly blockId: Digest
}

export interface Vote extends VoteBody {
  /** Index into the epoch's validator set. */
  readonly validator: number
  readonly signature: Signature
}

/** Votes of more than two thirds of the stake, signatures in the order of the set bits. */
export interface Certificate extends VoteBody {
  readonly bitmap: Uint8Array
  readonly signatures: readonly Signature[]
}

/** "I hold these deltas, decoded and durable": one bit a registered trainer, in registry order. */
export interface AttestBody {
  readonly epoch: number
  readonly round: number
  /** The state root that the attested deltas build on. */
  readonly base: Digest
  /** Digest of the trainer registry that the bits index. */
  readonly setHash: Digest
  readonly bitmap: Uint8Array
}

export interface Attest extends AttestBody {
  readonly validator: number
  readonly signature: Signature
}

// ---------------------------------------------------------------- deltas

/** What a trainer signs: bound to (round, base root), never to a slot. Its hash is the delta's digest. */
export interface DeltaHeader {
  readonly protocol: number
  readonly trainer: PublicKey
  readonly round: number
  readonly base: Digest
  /** Inner steps done, 1..innerSteps: the credited work. */
  readonly steps: number
  readonly payloadBytes: number
  readonly payloadHash: Digest
}

export interface SignedDeltaHeader {
  readonly header: DeltaHeader
  readonly signature: Signature
}

export interface SignedDelta extends SignedDeltaHeader {
  readonly payload: Uint8Array
}

// ---------------------------------------------------------------- blocks

export interface NamedDelta {
  /** Index into the trainer registry of the parent state. */
  readonly trainer: number
  readonly digest: Digest
}

/** The key of a sealed delta. */
export interface DeltaKey {
  readonly trainer: number
  readonly key: Uint8Array
}

export interface Score {
  readonly validator: number
  readonly trainer: number
  readonly score: number
}

/** Every transaction is signed by `key` over its own body. */
export interface RegisterTx {
  readonly kind: 'register'
  readonly key: PublicKey
  /** Any label that the joiner likes to be shown as, at most 32 bytes of UTF-8. */
  readonly label: string
  readonly signature: Signature
}

/** Puts free money at stake (`bond`), or asks a part of it back (`unbond`). */
export interface StakeTx<Kind extends 'bond' | 'unbond' = 'bond' | 'unbond'> {
  readonly kind: Kind
  readonly key: PublicKey
  readonly amount: bigint
  /** How many stake transactions this key had before: none can be included twice. */
  readonly nonce: number
  readonly signature: Signature
}

/** Asks the whole bond back, whatever it is by then. */
export interface LeaveTx {
  readonly kind: 'leave'
  readonly key: PublicKey
  readonly nonce: number
  readonly signature: Signature
}

/**
 * Says that this key goes on from a backup, and changes nothing else. A block that holds it was proposed after `salt` was
 * drawn: whatever the key signed before that lies at or below the block's slot and round.
 */
export interface RenewTx {
  readonly kind: 'renew'
  readonly key: PublicKey
  /** Random. */
  readonly salt: Digest
  readonly nonce: number
  readonly signature: Signature
}

export type Transaction = RegisterTx | StakeTx<'bond'> | StakeTx<'unbond'> | LeaveTx | RenewTx

/**
 * Two signed messages by one key that contradict each other. It names the key: what an index means
 * depends on the epoch, and the signatures convict whatever set the key stood in.
 */
export type Evidence =
  | { readonly kind: 'votes'; readonly key: PublicKey; readonly first: Vote; readonly second: Vote }
  | {
      readonly kind: 'blocks'
      readonly key: PublicKey
      readonly first: SignedBlockHeader
      readonly second: SignedBlockHeader
    }
  | { readonly kind: 'deltas'; readonly first: SignedDeltaHeader; readonly second: SignedDeltaHeader }

/**
 * The part of a block that its id is computed from. The lists are bound by `bodyHash`, so that
 * evidence about a leader needs the header alone.
 */
export interface BlockHeader {
  readonly protocol: number
  readonly chainId: Digest
  readonly epoch: number
  readonly slot: number
  readonly height: number
  readonly parentSlot: number
  readonly parentId: Digest
  /** The round that the block closes when it carries attestations; else the round that is still open. */
  readonly round: number
  /** Roots of the *parent's* state: execution is off the critical path. */
  readonly transcriptRoot: Digest
  readonly stateRoot: Digest
  readonly validatorSetHash: Digest
  readonly rulesHash: Digest
  /** The leader's next hash-onion preimage; zero while the beacon is not in use. */
  readonly reveal: Digest
  readonly bodyHash: Digest
}

export interface BlockBody {
  readonly deltas: List<NamedDelta>
  readonly attests: List<Attest>
  /** Sealed mode: keys of the deltas named by the parent. Empty while deltas are plain. */
  readonly keys: List<DeltaKey>
  /** Scores of the parent's deltas by its validators. Empty until judging is built. */
  readonly scores: List<Score>
  readonly txs: List<Transaction>
  readonly evidence: List<Evidence>
}

export interface SignedBlockHeader {
  readonly header: BlockHeader
  readonly signature: Signature
}

export interface Block extends SignedBlockHeader {
  readonly body: BlockBody
}

// ---------------------------------------------------------------- joining and sync

/** What `gradmesh ticket` prints: enough to find the mesh and to refuse any other. */
export interface Ticket {
  readonly protocol: number
  readonly chainId: Digest
  /** Multiaddrs with peer ids. */
  readonly addresses: readonly string[]
  /** A final point of trust. */
  readonly height: number
  readonly blockId: Digest
  readonly validatorSetHash: Digest
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** First words on every connection; a difference is named to both operators. */
export interface Hello {
  readonly protocol: number
  readonly chainId: Digest
  readonly height: number
  readonly agent: string
}

/** "Here is how far I am": the answer is a list of `SyncItem` that bring the asker on. */
export interface SyncRequest {
  /** The asker's newest final height. */
  readonly finalHeight: number
  /** The asker's frontier slot; live certificates and votes at or above it are wanted too. */
  readonly frontier: number
}

/** A final block with the certificate of the FINAL that covers it: its own, or a descendant's. */
export interface FinalBlock {
  readonly block: Block
  readonly certificate: Certificate | null
}

export interface SyncReply {
  readonly finalHeight: number
  /** From this height on the answerer holds every block: who is below needs a checkpoint from it. */
  readonly base: number
  /** Consecutive final blocks after the asker's height, oldest first, bounded in bytes; the last carries its certificate. */
  readonly blocks: List<FinalBlock>
  /** Live blocks, certificates and own votes above the final height. */
  readonly live: {
    readonly blocks: List<Block>
    readonly certificates: List<Certificate>
    readonly votes: List<Vote>
  }
}

/** One thing asked for: deltas in pieces of at most 256 KiB, leaves in runs of at most 1 MiB. */
export type GetRequest =
  | { readonly what: 'genesis' }
  | { readonly what: 'block'; readonly id: Digest }
  | { readonly what: 'delta'; readonly digest: Digest; readonly offset: number }
  /** The signed delta headers that the asked peer holds for a round; the answer is a list of them. */
  | { readonly what: 'headers'; readonly round: number }
  | { readonly what: 'checkpoint' }
  /** A run of a checkpoint's leaves from `index` on; the answer is their bytes, one after the other, or nothing. */
  | { readonly what: 'leaves'; readonly height: number; readonly index: number; readonly count: number }
  /** The proof of who votes in the epoch after this one. */
  | { readonly what: 'epoch'; readonly epoch: number }

/** Who votes in the epoch after the header's, for those who know who votes in the header's. */
export interface EpochProof {
  readonly header: BlockHeader
  /** The FINAL of exactly that header. */
  readonly certificate: Certificate
  /** The ledger's sets in their canonical encoding; the header's state root is over them and the two digests. */
  readonly sets: Uint8Array
  readonly registry: Digest
  readonly weights: Digest
}

/** The newest checkpoint that a peer can serve: everything of the state but the weights, and the leaf digests. */
export interface CheckpointManifest {
  readonly height: number
  /** The ledger's accounts in their canonical encoding; the state root commits to them and to the leaves. */
  readonly accounts: Uint8Array
  readonly leaves: DigestList
  /** The block at `height`, its successor (whose header carries the root), and the FINAL that covers both. */
  readonly block: Block
  readonly successor: FinalBlock
}
