/**
 * The newest checkpoint of the mesh. A FINAL certificate proves the block after it, whose header carries the root
 * over the accounts and over the digests of all leaves; so every leaf can be checked as it comes, whoever sends it.
 */
import { equalBytes, type Fault, isFault } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'
import {
  type BlockHeader,
  blockIdOf,
  type CheckpointManifest,
  decodeCheckpointManifest,
  encodeBlock,
  encodeCheckpointManifest,
  encodeGetRequest,
  VoteKind
} from '@gradmesh/wire'
import type { Context } from '../context.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import type { Epochs } from '../round/epochs.ts'
import type { StateHead } from '../state/state-table.ts'
import { PROTOCOLS } from '../topics.ts'
import { Download } from './downloading.ts'
import { fetchEpochs } from './sets-proofs.ts'
import { hasVanished } from './vanished.ts'

/** The manifest whose leaves are being fetched, so that a restart goes on with it; empty: none. */
const UNDER_WAY = 'checkpoint-under-way'
const SOURCES_MAX = 8

export interface Adopted {
  readonly head: StateHead
  readonly header: BlockHeader
}

/** Starts at the newest checkpoint above the own head that one of these peers proves; undefined when none does. */
export const fetchCheckpoint = async (
  context: Context,
  peers: readonly PeerKey[],
  onProgress: (leaves: number, total: number) => void = () => {},
  {
    above = context.chain.head().height,
    onSettled = () => {}
  }: {
    /** Lower ones are not worth it. */
    readonly above?: number
    /** Told when the state thread has left every other state. */
    readonly onSettled?: () => void
  } = {}
): Promise<Adopted | undefined> => {
  const startMs = context.clock.nowMs()
  const sources = peers.slice(0, SOURCES_MAX)
  const tried = new Set<string>()
  for await (const [manifest, source] of manifests(context, sources)) {
    const { height, successor } = manifest
    const name = `${height}/${successor.block.header.slot}`
    if (height <= Math.max(above, context.chain.head().height) || tried.has(name)) continue
    const epochs = await fetchEpochs(context, successor.block.header.epoch, [source, ...sources])
    if (epochs === undefined) continue
    const wrong = (await checkManifest(context, manifest, epochs)) ?? (await expect(context, manifest))
    if (wrong !== null) {
      context.faults.count(wrong)
      context.log.warn({ source, ...wrong }, 'a peer offered a checkpoint that proves nothing')
      continue
    }
    tried.add(name)
    const adopted = await download(context, manifest, sources, onProgress, onSettled)
    if (adopted === undefined) continue
    const { head, bytes } = adopted
    const milliseconds = context.clock.nowMs() - startMs
    context.metrics.gauge('gradmesh_checkpoint_fetched_bytes', bytes)
    context.metrics.gauge('gradmesh_checkpoint_fetch_seconds', milliseconds / 1000)
    context.log.info({ height, bytes, milliseconds }, 'goes on from a checkpoint of the mesh')
    return { head, header: manifest.block.header }
  }
  return undefined
}

/** The one that an earlier run of this peer was at, then what each source has to offer. */
async function* manifests(
  context: Context,
  sources: readonly PeerKey[]
): AsyncGenerator<readonly [CheckpointManifest, PeerKey]> {
  const kept = await context.chain.meta(UNDER_WAY)
  const manifest = kept === undefined || kept.length === 0 ? undefined : decodeCheckpointManifest(kept)
  if (manifest !== undefined && !isFault(manifest) && sources.length > 0) yield [manifest, sources[0]!]
  for (const source of sources) {
    const offered = await askManifest(context, source)
    if (offered !== undefined) yield [offered, source]
  }
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

/** All but the root, which is hashed in the state thread. */
const checkManifest = async (
  { chainId, genesis }: Pick<Context, 'chainId' | 'genesis'>,
  { block, successor, height }: CheckpointManifest,
  epochs: Epochs
): Promise<Fault<FaultCode> | null> => {
  const { certificate } = successor
  const { header } = successor.block
  if (certificate === null || certificate.kind !== VoteKind.FINAL) return peerFault('SYNC_CERTIFICATE')
  if (!equalBytes(certificate.blockId, blockIdOf(header))) return peerFault('SYNC_CERTIFICATE')
  if ((await epochs.at(certificate.epoch)?.certifies(certificate, chainId)) !== true)
    return peerFault('SYNC_CERTIFICATE')
  if (hasVanished(genesis.epochs, block.header)) return peerFault('SYNC_EPOCH')
  if (!equalBytes(header.parentId, blockIdOf(block.header))) return peerFault('SYNC_GAP')
  return block.header.height === height ? null : peerFault('SYNC_GAP')
}

const expect = (
  { state, genesisBytes }: Context,
  { accounts, leaves, successor }: CheckpointManifest
): Promise<Fault<FaultCode> | null> =>
  state.expect({
    genesis: genesisBytes,
    accounts,
    leaves: leaves.bytes,
    root: successor.block.header.stateRoot
  })

const download = async (
  context: Context,
  manifest: CheckpointManifest,
  sources: readonly PeerKey[],
  onProgress: (leaves: number, total: number) => void,
  onSettled: () => void
): Promise<{ head: StateHead; bytes: number } | undefined> => {
  const { chain, state, log } = context
  const { block, accounts, leaves, height } = manifest
  const [bytes] = await Promise.all([
    new Download(context, manifest, sources, onProgress).run(),
    chain.putMeta(UNDER_WAY, encodeCheckpointManifest(manifest))
  ])
  if (bytes === undefined) {
    log.info({ height }, 'a checkpoint could not be fetched whole; what has come is kept')
    return undefined
  }
  const head = await state.settle({ block: encodeBlock(block) })
  onSettled()
  await chain.adopt(block, { height, accounts, leaves })
  await chain.putMeta(UNDER_WAY, new Uint8Array())
  return { head, bytes }
}
