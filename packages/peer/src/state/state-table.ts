/**
 * What the ledger's thread does: executes blocks, hashes, decodes deltas. It holds the state after the newest
 * final block and after live blocks on top of it, each under its block's id; final moves the
 * foot of that tree and drops what is not above it, and the ledger has it forget what a skipped slot left.
 */
import { equalBytes, type Fault, isFault, MeshError, sha256, toHex } from '@gradmesh/core'
import { type Delta, decodeDelta, type Layout } from '@gradmesh/delta'
import {
  type Accounts,
  applyBlock,
  checkDeltaHeader,
  checkNamedDeltas,
  checkpointFrame,
  encodeAccounts,
  forkedState,
  genesisState,
  type LedgerState,
  layoutOf,
  type Receipt,
  restoreState,
  type SetsProof,
  setsProofOf,
  validateBlock
} from '@gradmesh/ledger'
import {
  type Block,
  type BlockHeader,
  blockIdOf,
  chainIdOf,
  type DeltaHeader,
  type Digest,
  DigestList,
  decodeBlock,
  decodeGenesis,
  decodeSignedDelta,
  deltaDigest,
  type Genesis,
  leafDigest,
  verifyDeltaHeader,
  type WireFault
} from '@gradmesh/wire'
import { type FaultCode, peerFault } from '../faults.ts'
import { moving } from '../worker-rpc.ts'
import { setLeaves } from './leaves.ts'
import { noOrigin, type Origin } from './origin.ts'

/** The state after a block as the daemon's main thread knows it: everything but the weights. */
export interface StateHead {
  readonly id: string
  readonly height: number
  readonly root: Digest
  readonly accounts: Accounts
}

export interface Executed {
  readonly head: StateHead
  readonly receipts: readonly Receipt[]
}

interface Node {
  readonly head: StateHead
  readonly header: BlockHeader | null
  readonly state: LedgerState
  readonly receipts: readonly Receipt[]
}

export const makeStateTable = () => {
  let genesis: Genesis
  let chainId: Digest
  let layout: Layout
  const nodes = new Map<string, Node>()
  /** A checkpoint that is being fetched: its weights fill up as its leaves come. */
  let incoming: LedgerState | undefined
  /** Decoded deltas by digest, until their round is past. */
  const decoded = new Map<string, { header: DeltaHeader; delta: Delta }>()

  /** A block comes three times in a row: to be validated, to have its deltas looked at, to be executed. */
  let newest: { readonly bytes: Uint8Array; readonly block: Block } | undefined

  const decodeOnce = (bytes: Uint8Array): Block | Fault<WireFault> => {
    if (newest !== undefined && equalBytes(newest.bytes, bytes)) return newest.block
    const block = decodeBlock(bytes)
    if (!isFault(block)) newest = { bytes, block }
    return block
  }

  const blockOf = (bytes: Uint8Array): Block => {
    const block = decodeOnce(bytes)
    if (isFault(block)) throw new MeshError('STATE_BLOCK', `a stored block does not decode: ${block.fault}`)
    return block
  }

  const keep = (
    id: string,
    height: number,
    header: BlockHeader | null,
    state: LedgerState,
    receipts: readonly Receipt[]
  ): Node => {
    const node = { head: { id, height, root: state.root, accounts: state.accounts }, header, state, receipts }
    nodes.set(id, node)
    return node
  }

  const at = (id: string): Node => {
    const node = nodes.get(id)
    if (node === undefined)
      throw new MeshError('STATE_UNKNOWN', `no state is held for block ${id.slice(0, 12)}`)
    return node
  }

  const begin = (bytes: Uint8Array): Fault<FaultCode> | null => {
    const value = decodeGenesis(bytes)
    if (isFault(value)) return value
    genesis = value
    chainId = chainIdOf(genesis)
    layout = layoutOf(genesis)
    return null
  }

  return {
    /** Starts at the genesis, or at a checkpoint whose every part is checked against `root` (null: its own word). */
    open(input: {
      genesis: Uint8Array
      /** Where it starts at the genesis. */
      origin?: Origin
      checkpoint?: {
        block: Uint8Array
        accounts: Uint8Array
        leaves: Uint8Array
        weights: Int32Array
        root: Digest | null
      }
    }): StateHead | Fault<FaultCode> {
      const wrong = begin(input.genesis)
      if (wrong !== null) return wrong
      nodes.clear()
      if (input.checkpoint === undefined) {
        const { bases, start } = input.origin ?? noOrigin
        const first =
          start === null ? genesisState(genesis, bases) : forkedState(genesis, start.accounts, start.weights)
        return isFault(first) ? first : keep(toHex(chainId), 0, null, first as LedgerState, []).head
      }
      const { block, accounts, leaves, weights, root } = input.checkpoint
      const state = restoreState(genesis, accounts, new DigestList(leaves), weights)
      if (isFault(state)) return state
      if (root !== null && !equalBytes(state.root, root))
        return peerFault('STATE_ROOT', 'the checkpoint does not match the root that its successor carries')
      const { header } = blockOf(block)
      return keep(toHex(blockIdOf(header)), header.height, header, state, []).head
    },

    /**
     * From here on `take` expects the leaves of this checkpoint, whose parts must have the root that its successor
     * carries. Faults: LEDGER_ACCOUNTS…, LEDGER_CHECKPOINT….
     */
    expect(input: {
      genesis: Uint8Array
      accounts: Uint8Array
      /** Their digests, one after the other. */
      leaves: Uint8Array
      root: Digest
    }): Fault<FaultCode> | null {
      const wrong = begin(input.genesis)
      if (wrong !== null) return wrong
      const leaves = new DigestList(input.leaves)
      const frame = checkpointFrame(genesis, input.accounts, leaves, input.root)
      if (isFault(frame)) return frame
      incoming = { ...frame, leaves, weights: new Int32Array(layout.chunks * layout.chunk) }
      return null
    },

    /** Leaves from `first` on, one after the other. Answers how many were right; the others are not kept. */
    take({ first, bytes }: { first: number; bytes: Uint8Array }): number {
      if (incoming === undefined) throw new MeshError('STATE_LEAF', 'no checkpoint is expected')
      const size = 4 * layout.chunk
      let right = 0
      for (; (right + 1) * size <= bytes.length; right++) {
        const digest = incoming.leaves.at(first + right)
        const leaf = bytes.subarray(right * size, (right + 1) * size)
        if (digest === undefined || !equalBytes(leafDigest(leaf), digest)) break
        setLeaves(incoming.weights, first + right, leaf, layout.chunk)
      }
      return right
    },

    /** Goes on from the checkpoint whose leaves have all come, and forgets every other state. */
    settle({ block }: { block: Uint8Array }): StateHead {
      if (incoming === undefined) throw new MeshError('STATE_LEAF', 'no checkpoint is expected')
      const state = incoming
      incoming = undefined
      nodes.clear()
      decoded.clear()
      const { header } = blockOf(block)
      return keep(toHex(blockIdOf(header)), header.height, header, state, []).head
    },

    /** Is this block right on top of its parent's state? The parent must have been executed. */
    validate(input: { block: Uint8Array; leader: Uint8Array }): Fault<FaultCode> | null {
      const block = decodeOnce(input.block)
      if (isFault(block)) return block
      const parent = nodes.get(toHex(block.header.parentId))
      if (parent === undefined) return peerFault('STATE_PARENT', 'the parent has not been executed')
      return validateBlock({
        genesis,
        chainId,
        parent: parent.state,
        parentHeader: parent.header,
        leader: input.leader,
        block
      })
    },

    /** With every named delta admitted: is each one's author the trainer that the block says? */
    validateNamed(input: { block: Uint8Array }): Fault<FaultCode> | null {
      const block = blockOf(input.block)
      return checkNamedDeltas(genesis, at(toHex(block.header.parentId)).state, block, decoded)
    },

    /** Executes a block whose named deltas have all passed `admit`. Executing twice gives the first answer. */
    execute(input: { block: Uint8Array }): Executed {
      const block = blockOf(input.block)
      const id = toHex(blockIdOf(block.header))
      const known = nodes.get(id)
      if (known !== undefined) return { head: known.head, receipts: known.receipts }
      const parent = at(toHex(block.header.parentId))
      const { state, receipts } = applyBlock({
        genesis,
        layout,
        parent: parent.state,
        block,
        deltas: decoded
      })
      return { head: keep(id, block.header.height, block.header, state, receipts).head, receipts }
    },

    /**
     * Checks a signed delta: its signature, its header against the state after block `on`, its payload.
     * What passes is kept decoded until its round is past.
     */
    admit(input: {
      delta: Uint8Array
      on: string
    }): { digest: string; header: DeltaHeader } | Fault<FaultCode> {
      const signed = decodeSignedDelta(input.delta)
      if (isFault(signed)) return signed
      const { header } = signed
      const on = nodes.get(input.on)
      if (on === undefined) return peerFault('STATE_PARENT', 'the state has moved on')
      const wrong = checkDeltaHeader(genesis, on.state, signed)
      if (wrong !== null) return wrong
      if (!verifyDeltaHeader(signed, chainId)) return peerFault('WIRE_SIGNATURE')
      if (!equalBytes(sha256(signed.payload), header.payloadHash)) return peerFault('DELTA_PAYLOAD_HASH')
      const digest = toHex(deltaDigest(header))
      if (decoded.has(digest)) return { digest, header }
      const delta = decodeDelta(layout, signed.payload)
      if (isFault(delta)) return delta
      decoded.set(digest, { header, delta })
      return { digest, header }
    },

    /** This block is final: drop every state that does not descend from it, and deltas of past rounds. */
    finalise(input: { id: string }): StateHead {
      const foot = at(input.id)
      const above = new Set([input.id])
      // Parents are executed before their children, so insertion order is a topological order.
      for (const [id, node] of nodes) {
        if (node.header !== null && above.has(toHex(node.header.parentId))) above.add(id)
      }
      for (const id of [...nodes.keys()]) if (!above.has(id)) nodes.delete(id)
      for (const [digest, { header }] of decoded) {
        if (header.round < foot.state.accounts.round) decoded.delete(digest)
      }
      return foot.head
    },

    /** The states after these blocks go. Nothing that is held may stand on them. */
    forget({ ids }: { ids: readonly string[] }): void {
      for (const id of ids) nodes.delete(id)
    },

    /** A copy of the weights after a block, or null when a newer block has become final since. */
    weights(input: { id: string }): Int32Array | null {
      const copy = nodes.get(input.id)?.state.weights.slice()
      return copy === undefined ? null : moving(copy, copy.buffer)
    },

    /** The sets that the state after a block holds, to be shown under its root. */
    setsProof(input: { id: string }): SetsProof {
      const { accounts, leaves } = at(input.id).state
      return setsProofOf(accounts, leaves)
    },

    checkpoint(input: { id: string }): {
      accounts: Uint8Array
      leaves: Uint8Array
      weights: Int32Array
    } {
      const { state } = at(input.id)
      const weights = state.weights.slice()
      return moving(
        { accounts: encodeAccounts(state.accounts), leaves: state.leaves.bytes, weights },
        weights.buffer
      )
    }
  }
}

export type StateTable = ReturnType<typeof makeStateTable>
