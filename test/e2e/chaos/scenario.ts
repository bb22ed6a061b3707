/** One run: misfortunes drawn from a seed, one after another, each followed by peace. */
import { statfs, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Prng, systemClock } from '@gradmesh/core'
import { verifyFolder } from '@gradmesh/peer'
import type { Teller } from '../command.ts'
import { createMesh, type Mesh, type PeerProcess, pause, until } from '../harness.ts'
import { History } from '../history.ts'
import { Switch } from './switch.ts'

export interface ChaosOptions {
  readonly seed: number
  /** How long misfortunes follow one another. */
  readonly seconds: number
}

export interface ChaosFigures {
  readonly misfortunes: number
  readonly blocks: number
  /** Heights at which two peers called different things final. */
  readonly forks: number
  /** Final blocks that a peer had told of and does not hold any more. */
  readonly lostBlocks: number
  /** From the end of a misfortune until every peer has a final block that is newer than it. */
  readonly healSecondsMax: number
}

const PEERS = 7
const ROUND_DEADLINE_MS = 1500
/** Where seven software adapters share the cores, what heals late must not be training's fault. */
const GPU_SHARE = '10%'
const MISFORTUNE_MS_MAX = 8000
const PEACE_MS_MAX = 3000
const PATIENCE_MS = 240_000
const SKEW_MS = 5000
/** LevelDB finds the disk full at once, and no room stays for a last word. */
const BLOCK_BYTES = 1024 * 1024

export const runOnce = async (options: ChaosOptions, tell: Teller): Promise<ChaosFigures> => {
  const network = await Switch.create(PEERS)
  try {
    const mesh = await createMesh({
      peers: PEERS,
      rounds: null,
      roundDeadlineMs: ROUND_DEADLINE_MS,
      innerSteps: 1,
      seed: `chaos ${options.seed}`,
      homes: index => network.home(index),
      flags: ['--no-upnp', '--max-gpu', GPU_SHARE]
    })
    try {
      return await new Run(network, mesh, options, tell).run()
    } finally {
      await mesh.close()
    }
  } finally {
    await network.close()
  }
}

class Run {
  readonly #network: Switch
  readonly #mesh: Mesh
  readonly #tell: Teller
  readonly #random: Prng
  readonly #seconds: number
  readonly #history = new History()
  /** What each has called final, as far as anybody asked. */
  readonly #told = new Map<PeerProcess, number>()
  #healSecondsMax = 0

  constructor(network: Switch, mesh: Mesh, { seed, seconds }: ChaosOptions, tell: Teller) {
    this.#network = network
    this.#mesh = mesh
    this.#tell = tell
    this.#seconds = seconds
    this.#random = new Prng(`chaos ${seed}`)
  }

  async run(): Promise<ChaosFigures> {
    const { peers } = this.#mesh
    for (const peer of peers) peer.start()
    await this.#everybodyAbove(3, 'the mesh is under way')
    const misfortunes = this.#misfortunes()
    const startMs = systemClock.nowMs()
    let count = 0
    while (systemClock.nowMs() - startMs < 1000 * this.#seconds) {
      const [name, strike] = this.#random.pick(misfortunes)
      const victims = this.#random.shuffle([...peers])
      await this.#record()
      const heal = await strike(victims)
      await pause(this.#random.below(MISFORTUNE_MS_MAX))
      await heal()
      const seconds = await this.#healed()
      count++
      this.#tell.say(`${name}: healed after ${seconds} s`)
      await pause(this.#random.below(PEACE_MS_MAX))
    }
    await this.#record()
    const lostBlocks = await this.#lost()
    await Promise.all(peers.map(peer => peer.stop()))
    for (const { name, folder } of peers) {
      const { ok, findings } = await verifyFolder(folder)
      this.#tell.check(ok, `${name}'s folder is whole${ok ? '' : `: ${JSON.stringify(findings[0])}`}`)
    }
    return {
      misfortunes: count,
      blocks: this.#history.height,
      forks: this.#history.broken.length,
      lostBlocks,
      healSecondsMax: this.#healSecondsMax
    }
  }

  /** Each begins at once and gives the way to end it. */
  #misfortunes(): readonly (readonly [string, (victims: PeerProcess[]) => Promise<() => Promise<void>>])[] {
    return [
      ['kill -9', ([victim]) => this.#killed([victim!])],
      ['kill -9 of three', victims => this.#killed(victims.slice(0, 3))],
      [
        'a pause',
        async ([victim]) => {
          victim!.freeze()
          return async () => victim!.thaw()
        }
      ],
      ['two cut off', victims => this.#parted(victims.slice(0, 2))],
      ['a partition without a majority', victims => this.#parted(victims.slice(0, 3))],
      [
        'a clock that is 5 s wrong',
        async ([victim]) => {
          await victim!.kill()
          this.#network.skew(this.#indexOf(victim!), this.#random.oneIn(2) ? SKEW_MS : -SKEW_MS)
          victim!.start()
          return async () => {}
        }
      ],
      ['a full disk', ([victim]) => this.#full(victim!)]
    ]
  }

  async #killed(victims: readonly PeerProcess[]): Promise<() => Promise<void>> {
    await Promise.all(victims.map(victim => victim.kill()))
    return async () => {
      for (const victim of victims) victim.start()
    }
  }

  async #parted(few: readonly PeerProcess[]): Promise<() => Promise<void>> {
    this.#network.part(few.map(peer => this.#indexOf(peer)))
    return async () => this.#network.join()
  }

  /** Whoever cannot write must stop, not guess; with room again its operator starts it. */
  async #full(victim: PeerProcess): Promise<() => Promise<void>> {
    const ballast = join(victim.folder, 'ballast')
    const { bavail, bsize } = await statfs(victim.folder)
    const room = bavail * bsize
    await writeFile(ballast, new Uint8Array(Math.max(0, room - BLOCK_BYTES))).catch(() => {})
    await writeFile(`${ballast}-rest`, new Uint8Array(BLOCK_BYTES)).catch(() => {})
    return async () => {
      for (const path of [ballast, `${ballast}-rest`]) await unlink(path).catch(() => {})
      await this.#startIfEnded(victim)
    }
  }

  /** Who has met the full disk may still be on its way out. */
  async #startIfEnded(peer: PeerProcess): Promise<void> {
    const isWell = async (): Promise<boolean> =>
      (await peer.client.status().catch(() => undefined))?.lastError === null
    await until(`${peer.name} goes on or ends`, PATIENCE_MS, async () => !peer.isRunning || isWell())
    if (!peer.isRunning) peer.start()
  }

  #indexOf(peer: PeerProcess): number {
    return this.#mesh.peers.indexOf(peer)
  }

  // ---------------------------------------------------------------- what must hold

  async #healed(): Promise<number> {
    const before = Math.max(...(await this.#heights()))
    const startMs = systemClock.nowMs()
    await this.#everybodyAbove(before, 'every peer sees new final blocks')
    const seconds = Math.round((systemClock.nowMs() - startMs) / 100) / 10
    this.#healSecondsMax = Math.max(this.#healSecondsMax, seconds)
    return seconds
  }

  async #everybodyAbove(height: number, what: string): Promise<void> {
    await until(what, PATIENCE_MS, async () => (await this.#heights()).every(each => each > height)).catch(
      async error => {
        for (const peer of this.#mesh.peers) this.#tell.say(`${peer.name}:\n${await peer.lastWords()}`)
        throw error
      }
    )
  }

  #heights(): Promise<number[]> {
    return Promise.all(this.#mesh.peers.map(peer => peer.height().catch(() => 0)))
  }

  async #record(): Promise<void> {
    for (const peer of this.#mesh.peers) {
      const height = await peer.height()
      const from = (this.#told.get(peer) ?? 0) + 1
      await this.#history.read(peer.name, peer.client, from, height)
      this.#told.set(peer, height)
    }
  }

  /** Asks everybody again for all that it ever told. */
  async #lost(): Promise<number> {
    let lost = 0
    for (const [peer, height] of this.#told) {
      const read = await this.#history.read(peer.name, peer.client, 1, height).catch(() => 0)
      lost += height - read
    }
    return lost
  }
}
