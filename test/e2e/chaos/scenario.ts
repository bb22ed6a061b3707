/** One run: misfortunes drawn from a seed, one after another, each followed by peace. */
import { statfs, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Prng, systemClock } from '@gradmesh/core'
import { verifyFolder } from '@gradmesh/peer'
import type { Teller } from '../command.ts'
import { createMesh, type Mesh, type PeerProcess, pause, until } from '../harness.ts'
import { History } from '../history.ts'
import { type Healing, healing, Outputs, type SlowHealing } from './healing.ts'
import { Switch } from './switch.ts'

export const MISFORTUNES = [
  'kill -9',
  'kill -9 of three',
  'a pause',
  'two cut off',
  'a partition without a majority',
  'a clock that is 5 s wrong',
  'a full disk'
] as const

export type Misfortune = (typeof MISFORTUNES)[number]

export const HEAL_SECONDS_MAX = 10

export interface ChaosOptions {
  readonly seed: number
  /** How long misfortunes follow one another. */
  readonly seconds: number
  /** Those to draw from. */
  readonly only: readonly Misfortune[]
  /** From how many seconds on a healing is told peer by peer. */
  readonly slowSeconds: number
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
  /** Those that were slow, with what each peer said meanwhile. */
  readonly slow: readonly SlowHealing[]
}

/** Begins at once and gives the way to end it. */
type Strike = (victims: readonly PeerProcess[]) => Promise<() => Promise<void>>

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
      // What all of them say is kept where one heals late, and must explain it.
      flags: ['--no-upnp', '--max-gpu', GPU_SHARE, '--log-level', 'debug', '--json']
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
  readonly #options: ChaosOptions
  readonly #history = new History()
  /** What each has called final, as far as anybody asked. */
  readonly #told = new Map<PeerProcess, number>()
  readonly #healings: Healing[] = []
  readonly #slow: SlowHealing[] = []

  constructor(network: Switch, mesh: Mesh, options: ChaosOptions, tell: Teller) {
    this.#network = network
    this.#mesh = mesh
    this.#tell = tell
    this.#options = options
    this.#random = new Prng(`chaos ${options.seed}`)
  }

  async run(): Promise<ChaosFigures> {
    const { peers } = this.#mesh
    for (const peer of peers) peer.start()
    const underWay = async (): Promise<boolean> =>
      (await Promise.all(peers.map(peer => peer.height()))).every(each => each > 3)
    await until('the mesh is under way', PATIENCE_MS, underWay)
    const strikes = this.#strikes()
    const startMs = systemClock.nowMs()
    while (systemClock.nowMs() - startMs < 1000 * this.#options.seconds) {
      const name = this.#random.pick(this.#options.only)
      const victims = this.#random.shuffle([...peers])
      await this.#record()
      const outputs = await Outputs.mark(peers)
      const heal = await strikes[name](victims)
      await pause(this.#random.below(MISFORTUNE_MS_MAX))
      await heal()
      await this.#heal(name, outputs)
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
      misfortunes: this.#healings.length,
      blocks: this.#history.height,
      forks: this.#history.broken.length,
      lostBlocks,
      healSecondsMax: Math.max(...this.#healings.map(({ seconds }) => seconds)),
      slow: this.#slow
    }
  }

  #strikes(): Readonly<Record<Misfortune, Strike>> {
    return {
      'kill -9': ([victim]) => this.#killed([victim!]),
      'kill -9 of three': victims => this.#killed(victims.slice(0, 3)),
      'a pause': async ([victim]) => {
        victim!.freeze()
        return async () => victim!.thaw()
      },
      'two cut off': victims => this.#parted(victims.slice(0, 2)),
      'a partition without a majority': victims => this.#parted(victims.slice(0, 3)),
      'a clock that is 5 s wrong': async ([victim]) => {
        await victim!.kill()
        this.#network.skew(this.#indexOf(victim!), this.#random.oneIn(2) ? SKEW_MS : -SKEW_MS)
        victim!.start()
        return async () => {}
      },
      'a full disk': ([victim]) => this.#full(victim!)
    }
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

  async #heal(misfortune: Misfortune, outputs: Outputs): Promise<void> {
    const { peers } = this.#mesh
    const before = Math.max(...(await Promise.all(peers.map(peer => peer.height().catch(() => 0)))))
    const healed = await healing(misfortune, peers, before, PATIENCE_MS).catch(async error => {
      this.#tell.say(`${misfortune}: not healed; what each peer said is in ${await outputs.keep()}`)
      throw error
    })
    this.#healings.push(healed)
    this.#tell.say(`${misfortune}: healed after ${healed.seconds} s`)
    if (healed.seconds <= this.#options.slowSeconds) return
    const logs = await outputs.keep()
    this.#slow.push({ ...healed, logs })
    const each = Object.entries(healed.secondsOfPeers).map(([name, seconds]) => `${name} ${seconds} s`)
    this.#tell.say(`  ${each.join(', ')}; what each said is in ${logs}`)
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
