/**
 * Four real peers on 127.0.0.1 with nothing to train: registrations of strangers keep blocks coming, so that what
 * takes time is the vote itself: signatures, fsyncs, gossip, the event loop.
 */
import { Prng, sha256, utf8 } from '@gradmesh/core'
import { encodeTransaction, keyPairFromSeed, signRegister } from '@gradmesh/wire'
import { Stranger } from '../../adversaries/strangers/index.ts'
import { createMesh, type Mesh, type PeerProcess, pause, quantile, until } from '../../e2e/harness.ts'

export interface LocalFigures {
  readonly blocks: number
  readonly blocksPerSecond: number
  /** From the first of the four that sees a proposal, its leader, to FINAL there. */
  readonly finalityMsP50: number
  readonly finalityMsP99: number
}

const PEERS = 4
/** After two of them the validators expect no trainer any more. */
const ROUND_DEADLINE_MS = 500
const REGISTER_EVERY_MS = 25
const PATIENCE_MS = 60_000

export const measureLocal = async (seconds: number): Promise<LocalFigures> => {
  const mesh = await createMesh({
    peers: PEERS,
    rounds: null,
    roundDeadlineMs: ROUND_DEADLINE_MS,
    seed: 'bench-consensus',
    flags: ['--no-train']
  })
  const ended = new AbortController()
  try {
    for (const peer of mesh.peers) peer.start()
    for (const peer of mesh.peers)
      await until('they are connected', PATIENCE_MS, async () => (await peer.status())?.peers === PEERS - 1)
    const registering = register(mesh, ended.signal)
    const [first] = mesh.peers
    await until('blocks come', PATIENCE_MS, async () => (await first!.height()) > 5)
    const finals = new Map<number, number>()
    const following = mesh.peers.map(peer => follow(peer, finals, ended.signal))
    await pause(500)
    const from = await first!.height()
    await pause(seconds * 1000)
    const blocks = (await first!.height()) - from
    ended.abort()
    await Promise.allSettled([registering, ...following])
    const all = [...finals].filter(([height]) => height > from).map(([, ms]) => ms)
    return {
      blocks,
      blocksPerSecond: blocks / seconds,
      finalityMsP50: quantile(all, 0.5),
      finalityMsP99: quantile(all, 0.99)
    }
  } finally {
    ended.abort()
    await mesh.close()
  }
}

/** A stranger who registers one new trainer after another. */
const register = async (mesh: Mesh, signal: AbortSignal): Promise<void> => {
  const stranger = await Stranger.meet({
    genesis: mesh.genesis,
    keys: keyPairFromSeed(sha256(utf8('registrar'))),
    addresses: mesh.peers.map(({ address }) => address),
    prng: new Prng('registrar')
  })
  try {
    for (let i = 0; !signal.aborted; i++) {
      const keys = keyPairFromSeed(sha256(utf8(`newcomer ${i}`)))
      const register = signRegister({ key: keys.publicKey, label: '' }, stranger.chainId, keys)
      await stranger.say('transactions', encodeTransaction(register))
      await pause(REGISTER_EVERY_MS)
    }
  } finally {
    await stranger.leave()
  }
}

/** Keeps the longest time to finality that any peer saw: the leader's, who knew the block first. */
const follow = async (peer: PeerProcess, finals: Map<number, number>, signal: AbortSignal): Promise<void> => {
  for await (const { event } of peer.client.events({ signal })) {
    if (event.type !== 'final' || event.finalityMs === null) continue
    finals.set(event.height, Math.max(finals.get(event.height) ?? 0, event.finalityMs))
  }
}
