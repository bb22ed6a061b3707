/** Answers to direct requests: hello, sync, get. Every answer is bounded, whatever is asked. */
import { type Fault, isFault, MeshError, toHex } from '@gradmesh/core'
import type { PeerKey } from '@gradmesh/net'
import {
  type Block,
  BOUNDS,
  type CheckpointManifest,
  decodeGetRequest,
  decodeHello,
  decodeSyncRequest,
  decodeVote,
  encodeBlock,
  encodeCheckpointManifest,
  encodeHello,
  encodeSignedDeltaHeaders,
  encodeSyncReply,
  type FinalBlock,
  type GetRequest,
  type Hello,
  PROTOCOL_VERSION,
  type SyncReply
} from '@gradmesh/wire'
import { Budget } from '../budget.ts'
import type { Context } from '../context.ts'
import { type FaultCode, peerFault } from '../faults.ts'
import type { DeltaPool } from '../round/delta-pool.ts'
import type { Driver } from '../round/driver.ts'
import type { Ledger } from '../state/ledger.ts'
import { provenSuccessor } from '../state/proven.ts'
import { PIECE_BYTES, PROTOCOLS, REQUEST_BUDGET } from '../topics.ts'
import { differenceTo } from './greeting.ts'
import { LastRead } from './last-read.ts'
import { LeafRooms } from './leaf-rooms.ts'
import { setsProofAt } from './sets-proofs.ts'

const SYNC_BLOCKS_MAX = 64
/** Of final blocks, and of live ones again. */
const SYNC_BYTES_MAX = 1024 * 1024
const LIVE_MAX = 32
/** Answers of up to a mebibyte, at times more, that one peer may have under way. */
const GETS_AT_ONCE = 8
/** So a mebibyte of leaves costs five tokens: about 100 MiB a second for one peer. */
const LEAVES_PER_TOKEN = 16
/** As much as those leaves; of what is read or encoded whole, whatever part of it is sent. */
const BYTES_PER_TOKEN = 256 * 1024
/** Deltas and checkpoints kept since they were read: at most so many times their largest size. */
const LAST_READ_MAX = 2

/** Parts are undefined while the peer starts: what is on the disk is served all the same. */
export interface ServingParts {
  readonly ledger: () => Ledger | undefined
  readonly driver: () => Driver | undefined
  readonly pool: () => DeltaPool | undefined
  readonly onHello: (hello: Hello, from: PeerKey) => void
}

const NOTHING = new Uint8Array()

export const serveRequests = (context: Context, parts: ServingParts, agent: string): void => {
  const { net, faults } = context
  const budget = new Budget(context.clock, REQUEST_BUDGET)
  const lastRead = new LastRead(LAST_READ_MAX)
  const rooms = new LeafRooms(BOUNDS.leavesAtOnceMax * 4 * context.genesis.delta.chunk)
  const refuse = (wrong: Fault<FaultCode>): never => {
    faults.count(wrong)
    throw new MeshError(
      wrong.fault,
      `refused a request: ${wrong.fault}${wrong.detail === undefined ? '' : ` (${wrong.detail})`}`
    )
  }

  net.handle(PROTOCOLS.hello.name, PROTOCOLS.hello.requestBytes, async (request, from) => {
    await budget.spend(from, PROTOCOLS.hello.tokens)
    const hello = decodeHello(request)
    // Answer all the same: the other side must be able to name the difference too.
    if (isFault(hello)) faults.count(hello)
    else if (differenceTo(context, hello) !== null) faults.count(peerFault('HELLO_DIFFERENT'))
    else {
      net.welcome(from)
      parts.onHello(hello, from)
    }
    return encodeHello(ownHello(context, agent))
  })

  net.handle(PROTOCOLS.sync.name, PROTOCOLS.sync.requestBytes, async (request, from) => {
    await budget.spend(from, PROTOCOLS.sync.tokens)
    const asked = decodeSyncRequest(request)
    if (isFault(asked)) return refuse(asked)
    return encodeSyncReply(await syncReply(context, parts, asked.finalHeight))
  })

  net.handle(
    PROTOCOLS.get.name,
    PROTOCOLS.get.requestBytes,
    async (request, from, onEnd) => {
      await budget.spend(from, PROTOCOLS.get.tokens)
      const asked = decodeGetRequest(request)
      if (isFault(asked)) return refuse(asked)
      if (asked.what === 'leaves') {
        await budget.spend(from, Math.floor(asked.count / LEAVES_PER_TOKEN))
        const room = rooms.lend()
        onEnd(isTaken => rooms.takeBack(room, isTaken))
        return (await context.chain.leaves(asked.height, asked.index, asked.count, room)) ?? NOTHING
      }
      const charge = (bytes: number): Promise<void> => budget.spend(from, Math.floor(bytes / BYTES_PER_TOKEN))
      return (await get(context, { ...parts, lastRead, charge }, asked)) ?? NOTHING
    },
    { atOnce: GETS_AT_ONCE }
  )
}

export const ownHello = ({ chainId, chain }: Context, agent: string): Hello => ({
  protocol: PROTOCOL_VERSION,
  chainId,
  height: chain.head().height,
  agent
})

const get = async (
  context: Context,
  parts: ServingParts & {
    readonly lastRead: LastRead
    /** Resolves when the peer that asks may have had so many bytes read. */
    readonly charge: (bytes: number) => Promise<void>
  },
  asked: Exclude<GetRequest, { readonly what: 'leaves' }>
): Promise<Uint8Array | undefined> => {
  const { chain } = context
  switch (asked.what) {
    case 'genesis':
      return context.genesisBytes
    case 'block': {
      const id = toHex(asked.id)
      const block = parts.ledger()?.block(id) ?? (await chain.block(asked.id))
      return block === undefined ? undefined : encodeBlock(block)
    }
    case 'delta': {
      const digest = toHex(asked.digest)
      const pooled = parts.pool()?.get(digest)?.bytes
      let bytesRead = 0
      const read = async (): Promise<Uint8Array | undefined> => {
        const stored = await chain.deltaBytes(asked.digest)
        bytesRead = stored?.length ?? 0
        return stored
      }
      const bytes = pooled ?? (await parts.lastRead.get(digest, read))
      const piece = bytes?.slice(asked.offset, asked.offset + PIECE_BYTES)
      await parts.charge(bytesRead)
      return piece
    }
    case 'headers':
      return encodeSignedDeltaHeaders(parts.pool()?.headersOf(asked.round) ?? [])
    case 'checkpoint': {
      // Which one it is depends on what is final.
      const bytes = await parts.lastRead.get(`checkpoint at ${chain.head().height}`, async () => {
        const manifest = await checkpointManifest(context)
        return manifest === undefined ? undefined : encodeCheckpointManifest(manifest)
      })
      await parts.charge(bytes?.length ?? 0)
      return bytes
    }
    case 'epoch':
      return setsProofAt(chain, asked.epoch)
  }
}

/** The newest checkpoint that can be proven. */
const checkpointManifest = async ({ chain }: Context): Promise<CheckpointManifest | undefined> => {
  for (const height of await chain.checkpointHeights()) {
    const checkpoint = await chain.checkpointAt(height)
    const block = await chain.blockAt(height)
    const successor = await provenSuccessor(chain, height)
    if (checkpoint !== undefined && block !== undefined && successor !== undefined)
      return { ...checkpoint, block, successor }
  }
  return undefined
}

/** Final blocks from a height on up to one that has its own certificate, within bounds. */
const finalBlocks = async (chain: Context['chain'], from: number): Promise<FinalBlock[]> => {
  const blocks: FinalBlock[] = []
  let bytes = 0
  let covered = 0
  for (let height = from; blocks.length < SYNC_BLOCKS_MAX && bytes < SYNC_BYTES_MAX; height++) {
    const block: Block | undefined = await chain.blockAt(height)
    if (block === undefined) break
    const certificate = (await chain.finalCertificateFor(height)) ?? null
    const own = certificate !== null && certificate.slot === block.header.slot ? certificate : null
    blocks.push({ block, certificate: own })
    bytes += encodeBlock(block).length
    if (own !== null) covered = blocks.length
  }
  return blocks.slice(0, covered)
}

const syncReply = async (context: Context, parts: ServingParts, above: number): Promise<SyncReply> => {
  const { chain, safety } = context
  const stored = await safety.votesFrom((parts.ledger()?.final.slot ?? 0) + 1)
  const votes = stored.slice(-LIVE_MAX).flatMap(({ bytes }) => decodedOnly(decodeVote(bytes)))
  return {
    finalHeight: chain.head().height,
    base: chain.base().height,
    blocks: await finalBlocks(chain, above + 1),
    live: {
      blocks: firstLive(parts.ledger()?.liveBlocks() ?? []),
      certificates: (parts.driver()?.certificates() ?? []).slice(-LIVE_MAX),
      votes
    }
  }
}

/** Of the lowest slots: a leader that fills its slots to come with long blocks makes no answer too long. */
const firstLive = (live: readonly Block[]): Block[] => {
  const first: Block[] = []
  let bytes = 0
  for (const block of live.toSorted((a, b) => a.header.slot - b.header.slot)) {
    bytes += encodeBlock(block).length
    if (bytes > SYNC_BYTES_MAX || first.length === LIVE_MAX) break
    first.push(block)
  }
  return first
}

const decodedOnly = <T>(decoded: T | Fault): T[] => (isFault(decoded) ? [] : [decoded as T])
