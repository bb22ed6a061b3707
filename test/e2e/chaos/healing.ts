/**
 * How long a mesh takes to heal: each peer is asked by itself, so that one that is late is known by name, and one
 * that answers late delays nobody else's figure. What all of them said since the misfortune can be kept.
 */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@gradmesh/core'
import { type PeerProcess, until } from '../harness.ts'

export interface Healing {
  readonly misfortune: string
  /** From the end of the misfortune until this peer had a final block that is newer than it. */
  readonly secondsOfPeers: Readonly<Record<string, number>>
  readonly seconds: number
}

export interface SlowHealing extends Healing {
  /** The folder with what each peer said from the misfortune on. */
  readonly logs: string
}

/** Above this height everywhere. */
export const healing = async (
  misfortune: string,
  peers: readonly PeerProcess[],
  height: number,
  patienceMs: number
): Promise<Healing> => {
  const startMs = systemClock.nowMs()
  const secondsOfPeers: Record<string, number> = {}
  await Promise.all(
    peers.map(async peer => {
      const isHealed = async (): Promise<boolean> => (await peer.height().catch(() => 0)) > height
      await until(`${peer.name} sees new final blocks`, patienceMs, isHealed)
      secondsOfPeers[peer.name] = Math.round((systemClock.nowMs() - startMs) / 100) / 10
    })
  )
  return { misfortune, secondsOfPeers, seconds: Math.max(...Object.values(secondsOfPeers)) }
}

/** Where each peer's output stands now; later what it has said since can be kept. */
export class Outputs {
  readonly #from: ReadonlyMap<PeerProcess, number>

  private constructor(from: ReadonlyMap<PeerProcess, number>) {
    this.#from = from
  }

  static async mark(peers: readonly PeerProcess[]): Promise<Outputs> {
    const marks = await Promise.all(peers.map(async peer => [peer, (await peer.said()).length] as const))
    return new Outputs(new Map(marks))
  }

  /** Answers the folder, which outlives the run. */
  async keep(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'gradmesh-slow-'))
    for (const [peer, from] of this.#from)
      await writeFile(join(folder, `${peer.name}.log`), (await peer.said()).slice(from))
    return folder
  }
}
