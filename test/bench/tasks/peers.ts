/** A mesh of real peers that learns a task: daemons as `gradmesh up` starts them, over libp2p on 127.0.0.1. */
import { MeshError, systemClock } from '@gradmesh/core'
import type { Bases } from '@gradmesh/peer'
import type { Task } from '@gradmesh/train'
import { createMesh, pause, until } from '../../e2e/harness.ts'

const ROUND_DEADLINE_MS = 120_000
const ROUND_SECONDS_MAX = 300
const POLL_MS = 500

export interface PeersInput {
  /** With the recipe to use. */
  readonly task: Task
  readonly bases: Bases
  readonly folder: string
  readonly peers: number
  readonly seed: string
  readonly tell?: (done: number, of: number) => void
}

export interface PeersResult {
  /** Of the held-out samples, as `gradmesh eval` says it of the final state. */
  readonly figures: object
  readonly seconds: number
  /** The same for all of them. */
  readonly root: string
}

/** Codes: those of the harness; `E2E_ROOTS` where the peers end with different states. */
export const runPeers = async (input: PeersInput): Promise<PeersResult> => {
  const { task, bases, folder, peers: count, seed, tell } = input
  const { rounds } = task.recipe
  const flags = ['--dataset', folder]
  const mesh = await createMesh({
    ...{ task, bases, seed, rounds, flags },
    peers: count,
    roundDeadlineMs: ROUND_DEADLINE_MS
  })
  try {
    const startMs = systemClock.nowMs()
    for (const peer of mesh.peers) peer.start()
    for (const peer of mesh.peers)
      await until(`${peer.name} has finished`, rounds * ROUND_SECONDS_MAX * 1000, async () => {
        const status = await peer.status()
        tell?.(status?.round ?? 0, rounds)
        if (status?.phase === 'finished') return true
        await pause(POLL_MS)
        return false
      })
    const seconds = (systemClock.nowMs() - startMs) / 1000
    const roots = await Promise.all(mesh.peers.map(async peer => (await peer.status())?.stateRoot))
    if (new Set(roots).size !== 1)
      throw new MeshError('E2E_ROOTS', `the peers end with different states: ${roots.join(', ')}`)
    for (const peer of mesh.peers) await peer.stop()
    const { figures, root } = await mesh.peers[0]!.command('eval', ...flags)
    return { figures: figures as object, seconds, root: String(root) }
  } finally {
    await mesh.close()
  }
}
