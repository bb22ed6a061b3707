/**
 * Where a peer goes on from: its own chain where it has one, else a checkpoint of the mesh when that is
 * far ahead, else the genesis. Whatever the source, the state that comes out has the root that a final
 * header carries.
 */
import { equalBytes, type Fault, isFault, MeshError, sha256, toHex } from '@gradmesh/core'
import { decodeAccounts, layoutOf, stateRoot } from '@gradmesh/ledger'
import type { PeerKey } from '@gradmesh/net'
import type { ChainStore } from '@gradmesh/store'
import {
  type Block,
  blockIdOf,
  type CheckpointManifest,
  decodeCheckpointManifest,
  decodeGenesis,
  encodeBlock,
  encodeGetRequest,
  encodeSignedDelta,
  VoteKind
} from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import type { Epochs } from '../round/epochs.ts'
import { leafBytes, setLeaf } from '../state/leaves.ts'
import type { StateHead, StateTable } from '../state/state-table.ts'
import { PROTOCOLS } from '../topics.ts'
import type { Bases } from '../training/task.ts'
import type { Remote } from '../worker-rpc.ts'
import { fetchEpochs } from './sets-proofs.ts'

const LEAVES_AT_ONCE = 8

/** Loads the newest checkpoint of the own chain (or the genesis) and replays the blocks above it. */
export const restoreFromDisk = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  bases: () => Promise<Bases>,
  onProgress: (height: number, target: number) => void
): Promise<StateHead> => {
  const target = chain.head().height
  let head = await openNewest(chain, state, bases)
  for (let height = head.height + 1; height <= target; height++) {
    head = await replay(chain, state, head, height)
    onProgress(height, target)
  }
  return head
}

const openNewest = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  bases: () => Promise<Bases>
): Promise<StateHead> => {
  const newest = await chain.newestCheckpoint()
  return newest === undefined || newest.height > chain.head().height
    ? openGenesis(chain, state, await bases())
    : openCheckpoint(chain, state, newest.height)
}

export const openGenesis = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  bases: Bases = new Map()
): Promise<StateHead> => unwrap(await state.open({ genesis: chain.genesisBytes, bases }), 'the genesis')

/** Opens the checkpoint at or, where that is no longer held, next above `height`. */
export const openCheckpoint = async (
  chain: ChainStore,
  state: Remote<StateTable>,
  from: number
): Promise<StateHead> => {
  const checkpoint = (await chain.checkpointAt(from)) ?? (await chain.newestCheckpoint())
  if (checkpoint === undefined) throw broken('it starts from a checkpoint, and none is held')
  const { height, accounts, leaves } = checkpoint
  const chunk = chunkOf(chain)
  const weights = new Int32Array(leaves.length * chunk)
  for (let index = 0; index < leaves.length; index++) {
    const leaf = await chain.leaf(height, index)
    if (leaf === undefined) throw broken(`leaf ${index} of the checkpoint at height ${height} is missing`)
    setLeaf(weights, index, leaf, chunk)
  }
  const block = await blockAt(chain, height)
  // The root of the newest state stands in no header yet; the next replayed or received block checks it.
  const successor = await chain.blockAt(height + 1)
  const opened = await state.open({
    genesis: chain.genesisBytes,
    checkpoint: {
      block: encodeBlock(block),
      accounts,
      leaves,
      weights,
      root: successor?.header.stateRoot ?? null
    }
  })
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

const chunkOf = ({ genesisBytes }: ChainStore): number => {
  const genesis = decodeGenesis(genesisBytes)
  if (isFault(genesis)) throw broken(`the genesis does not decode: ${genesis.fault}`)
  return genesis.delta.chunk
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

/** The newest checkpoint that one of these peers proves, with its weights from all of them; undefined when none does. */
export const fetchCheckpoint = async (
  context: Context,
  sources: readonly PeerKey[],
  onProgress: (leaves: number, total: number) => void = () => {}
): Promise<StateHead | undefined> => {
  for (const source of sources) {
    const manifest = await askManifest(context, source)
    if (manifest === undefined) continue
    const { epoch } = manifest.successor.block.header
    const epochs = await fetchEpochs(context, epoch, [source, ...sources])
    if (epochs === undefined) continue
    const wrong = checkManifest(context, manifest, epochs)
    if (wrong !== null) {
      context.faults.count(wrong)
      context.log.warn({ source, ...wrong }, 'a peer offered a checkpoint that proves nothing')
      continue
    }
    const weights = await fetchLeaves(context, manifest, sources, onProgress)
    if (weights === undefined) continue
    const adopted = await adopt(context, manifest, weights)
    if (adopted !== undefined) return adopted
  }
  return undefined
}

const askManifest = async (
  { net, log, faults }: Context,
  source: PeerKey
): Promise<CheckpointManifest | undefined> => {
  try {
    const reply = await net.request(source, PROTOCOLS.get.name, encodeGetRequest({ what: 'checkpoint' }), {
      timeoutMs: 10_000,
      maxReplyBytes: PROTOCOLS.get.replyBytes
    })
    if (reply.length === 0) return undefined
    const manifest = decodeCheckpointManifest(reply)
    if (!isFault(manifest)) return manifest
    faults.count(manifest)
    return undefined
  } catch (error) {
    log.debug({ error, source }, 'no checkpoint from this peer')
    return undefined
  }
}

/**
 * A FINAL certificate proves the successor; its header names the block and carries the root over the
 * accounts and over the digests of all leaves. So every leaf can be checked as it comes, whoever sends it.
 */
const checkManifest = (
  { genesis, chainId }: Pick<Context, 'genesis' | 'chainId'>,
  manifest: CheckpointManifest,
  epochs: Epochs
): Fault<FaultCode> | null => {
  const { block, successor, height, leaves } = manifest
  const { certificate } = successor
  const { header } = successor.block
  if (certificate === null || certificate.kind !== VoteKind.FINAL) return peerFault('SYNC_CERTIFICATE')
  if (!equalBytes(certificate.blockId, blockIdOf(header))) return peerFault('SYNC_CERTIFICATE')
  if (epochs.at(certificate.epoch)?.certifies(certificate, chainId) !== true)
    return peerFault('SYNC_CERTIFICATE')
  if (!equalBytes(header.parentId, blockIdOf(block.header))) return peerFault('SYNC_GAP')
  if (block.header.height !== height) return peerFault('SYNC_GAP')
  const accounts = decodeAccounts(manifest.accounts)
  if (isFault(accounts)) return accounts
  if (leaves.length !== layoutOf(genesis).chunks) return peerFault('STATE_ROOT', `${leaves.length} leaves`)
  return equalBytes(stateRoot(accounts, leaves), header.stateRoot) ? null : peerFault('STATE_ROOT')
}

const fetchLeaves = async (
  context: Context,
  manifest: CheckpointManifest,
  sources: readonly PeerKey[],
  onProgress: (leaves: number, total: number) => void
): Promise<Int32Array | undefined> => {
  const { height, leaves } = manifest
  const { chunk } = context.genesis.delta
  const weights = new Int32Array(leaves.length * chunk)
  const wanted = leaves.keys()
  let missing = false
  let held = 0
  const fetcher = async (first: number): Promise<void> => {
    for (const index of wanted) {
      if (missing) return
      const leaf = await fetchLeaf(context, height, index, leaves[index]!, rotate(sources, first + index))
      if (leaf === undefined) {
        missing = true
        return
      }
      setLeaf(weights, index, leaf, chunk)
      held++
      onProgress(held, leaves.length)
    }
  }
  await Promise.all(Array.from({ length: LEAVES_AT_ONCE }, (_, i) => fetcher(i)))
  return missing ? undefined : weights
}

/** From the first source that gives the right bytes: one that lies or leaves costs a retry. */
const fetchLeaf = async (
  { net, faults }: Context,
  height: number,
  index: number,
  digest: Uint8Array,
  sources: readonly PeerKey[]
) => {
  const request = encodeGetRequest({ what: 'leaf', height, index })
  for (const source of sources) {
    const leaf = await net
      .request(source, PROTOCOLS.get.name, request, {
        timeoutMs: 10_000,
        maxReplyBytes: PROTOCOLS.get.replyBytes
      })
      .catch(() => undefined)
    if (leaf === undefined || leaf.length === 0) continue
    if (equalBytes(leafDigest(leaf), digest)) return leaf
    faults.count(peerFault('SYNC_LEAF'))
  }
  return undefined
}

const LEAF_PREFIX = Uint8Array.of(0)
const leafDigest = (leaf: Uint8Array): Uint8Array => sha256(LEAF_PREFIX, leaf)

const rotate = <T>(items: readonly T[], by: number): T[] =>
  items.map((_, i) => items[(i + by) % items.length]!)

const adopt = async (
  context: Context,
  manifest: CheckpointManifest,
  weights: Int32Array
): Promise<StateHead | undefined> => {
  const { chain, state, genesisBytes } = context
  const { block, accounts, leaves, height, successor } = manifest
  const opened = await state.open({
    genesis: genesisBytes,
    checkpoint: {
      block: encodeBlock(block),
      accounts,
      leaves,
      weights,
      root: successor.block.header.stateRoot
    }
  })
  if (isFault(opened)) {
    context.faults.count(opened)
    return undefined
  }
  await chain.adopt(block)
  const copy = await state.checkpoint({ id: opened.id })
  await chain.putCheckpoint(
    { height, accounts, leaves },
    leafBytes(copy.weights, context.genesis.delta.chunk)
  )
  return opened
}
