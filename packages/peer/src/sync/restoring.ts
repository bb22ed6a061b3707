/** The state that the own chain stands for: its newest checkpoint, or the genesis, and the blocks above it replayed. */
import { equalBytes, type Fault, isFault, MeshError, toHex } from '@gradmesh/core'
import type { ChainStore } from '@gradmesh/store'
import {
  type Block,
  BOUNDS,
  decodeGenesis,
  encodeBlock,
  encodeSignedDelta,
  type Genesis
} from '@gradmesh/wire'
import { setLeaves } from '../state/leaves.ts'
import { noOrigin, type Origin } from '../state/origin.ts'
import type { StateHead, StateTable } from '../state/state-table.ts'
import type { Remote } from '../worker-rpc.ts'

/**
 * Loads the newest checkpoint of the own chain (or the genesis) and replays the blocks above it. Undefined where the
 * mesh goes on from another whose state is not held here: a newcomer starts from a checkpoint.
 */
export const restoreFromDisk = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  origin: () => Promise<Origin>,
  onProgress: (height: number, target: number) => void
): Promise<StateHead | undefined> => {
  const target = chain.head().height
  let head = await openNewest(chain, state, origin)
  if (head === undefined) return undefined
  for (let height = head.height + 1; height <= target; height++) {
    head = await replay(chain, state, head, height)
    onProgress(height, target)
  }
  return head
}

const openNewest = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  origin: () => Promise<Origin>
): Promise<StateHead | undefined> => {
  const newest = await chain.newestCheckpoint()
  if (newest !== undefined && newest.height <= chain.head().height)
    return openCheckpoint(chain, state, newest.height)
  const first = await origin()
  const isNewcomer =
    first.start === null && genesisOf(chain).parent !== undefined && chain.head().height === 0
  return isNewcomer ? undefined : openGenesis(chain, state, first)
}

export const openGenesis = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  origin: Origin = noOrigin
): Promise<StateHead> => unwrap(await state.open({ genesis: chain.genesisBytes, origin }), 'the genesis')

/** Opens the checkpoint at or, where that is no longer held, next above `height`. */
export const openCheckpoint = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  from: number
): Promise<StateHead> => {
  const checkpoint = (await chain.checkpointAt(from)) ?? (await chain.newestCheckpoint())
  if (checkpoint === undefined) throw broken('it starts from a checkpoint, and none is held')
  const { height, accounts, leaves } = checkpoint
  const { chunk } = genesisOf(chain).delta
  const weights = new Int32Array(leaves.length * chunk)
  for (let first = 0; first < leaves.length; first += BOUNDS.leavesAtOnceMax) {
    const count = Math.min(BOUNDS.leavesAtOnceMax, leaves.length - first)
    const held = await chain.leaves(height, first, count)
    if (held === undefined) throw broken(`the checkpoint at height ${height} is gone`)
    setLeaves(weights, first, held, chunk)
  }
  const block = await blockAt(chain, height)
  // The root of the newest state stands in no header yet; the next replayed or received block checks it.
  const successor = await chain.blockAt(height + 1)
  const root = successor?.header.stateRoot ?? null
  const opened = await state.open(
    {
      genesis: chain.genesisBytes,
      checkpoint: { block: encodeBlock(block), accounts, leaves: leaves.bytes, weights, root }
    },
    [weights.buffer]
  )
  return unwrap(opened, `the checkpoint at height ${height}`)
}

/** Executes one stored block on top of `head`. */
export const replay = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  head: StateHead,
  height: number
): Promise<StateHead> => {
  const block = await blockAt(chain, height)
  if (!equalBytes(block.header.stateRoot, head.root)) {
    throw broken(`the state after block ${head.height} is not the one that block ${height} builds on`)
  }
  for (const { digest } of block.body.deltas) {
    const signed = await chain.delta(digest)
    if (signed === undefined)
      throw broken(`block ${height} names delta ${toHex(digest).slice(0, 12)}, which is missing`)
    const admitted = await state.admit({ delta: encodeSignedDelta(signed), on: head.id })
    if (isFault(admitted))
      throw broken(`delta ${toHex(digest).slice(0, 12)} of block ${height} is wrong: ${admitted.fault}`)
  }
  const { head: next } = await state.execute({ block: encodeBlock(block) })
  return state.finalise({ id: next.id })
}

const genesisOf = ({ genesisBytes }: ChainStore): Genesis => {
  const genesis = decodeGenesis(genesisBytes)
  if (isFault(genesis)) throw broken(`the genesis does not decode: ${genesis.fault}`)
  return genesis as Genesis
}

const blockAt = async (chain: ChainStore, height: number): Promise<Block> => {
  const block = await chain.blockAt(height)
  if (block === undefined) throw broken(`block ${height} is missing`)
  return block
}

const unwrap = (opened: StateHead | Fault, what: string): StateHead => {
  if (isFault(opened))
    throw broken(`${what} is wrong: ${opened.fault}${opened.detail ? ` (${opened.detail})` : ''}`)
  return opened
}

const broken = (what: string): MeshError =>
  new MeshError('CHAIN_BROKEN', `this peer's chain can't be replayed: ${what}`, {
    remedy:
      'Run `gradmesh verify --data DIR` to see how far it is sound. Keep `key` and `safety/`, move `chain/` away, and start again: it is fetched from the mesh.'
  })
