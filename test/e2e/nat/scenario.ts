/**
 * A laptop behind a NAT joins by ticket, again and again; then a second one, behind another NAT, joins by a
 * ticket of the first. There is no mDNS and no UPnP: what makes it work are calls back, relays and tickets.
 */
import { systemClock, toHex } from '@gradmesh/core'
import { ensureKey } from '@gradmesh/peer'
import type { Teller } from '../command.ts'
import { createMesh, type Home, type Mesh, PeerProcess, pause, quantile, until } from '../harness.ts'
import { Network } from './network.ts'

export interface NatOptions {
  readonly tries: number
  readonly seed: string
}

export interface NatFigures {
  tries: number
  /** From the start of the laptop's process to its first accepted delta. */
  firstDeltaSecondsP50: number
  firstDeltaSecondsP95: number
  firstDeltaSecondsMax: number
  /** From the start of the peer in the laptop's process until it knew that it is relayed. */
  verdictSecondsP50: number
  verdictSecondsMax: number
  /** How the two laptops reach each other. */
  pair: 'relayed' | 'punched'
  pairSeconds: number
  /** From the moment in which a laptop changed its network until the public peer heard it from there. */
  movedSeconds: number
  /** Through all relays together while the two laptops train. */
  relayedBytesPerSecond: number
}

const PEERS = 2
const UNDER_WAY = 5
const PATIENCE_MS = 120_000
const FIRST_DELTA_SECONDS = 60
const VERDICT_SECONDS = 10
/** By pings alone it takes 15 to 35. */
const MOVED_SECONDS = 10
const MEASURE_MS = 10_000
const NO_UPNP = ['--no-upnp']

export const runScenario = async ({ tries, seed }: NatOptions, tell: Teller): Promise<NatFigures> => {
  const network = await Network.create()
  try {
    const mesh = await createMesh({
      peers: PEERS,
      rounds: null,
      roundDeadlineMs: 1500,
      innerSteps: 2,
      seed,
      homes: () => network.publicHome,
      flags: NO_UPNP
    })
    try {
      return await new Scenario(network, mesh, tell).run(tries)
    } finally {
      await mesh.close()
    }
  } finally {
    await network.close()
  }
}

const stopwatch = (): (() => number) => {
  const start = systemClock.nowMs()
  return () => Math.round((systemClock.nowMs() - start) / 10) / 100
}

class Scenario {
  readonly #network: Network
  readonly #mesh: Mesh
  readonly #tell: Teller

  constructor(network: Network, mesh: Mesh, tell: Teller) {
    this.#network = network
    this.#mesh = mesh
    this.#tell = tell
  }

  async run(tries: number): Promise<NatFigures> {
    const [first] = this.#mesh.peers as readonly [PeerProcess, ...PeerProcess[]]
    for (const peer of this.#mesh.peers) peer.start()
    await until('the mesh is under way', PATIENCE_MS, async () => (await first.height()) > UNDER_WAY)
    await until('the public peer is called reachable', PATIENCE_MS, async () => {
      const reachability = (await first.status())?.reachability
      return reachability?.state === 'reachable' && reachability.scope === 'world'
    })
    const { ticket, reach } = await first.client.ticket()
    this.#tell.check(
      reach === 'world',
      'the public peer knows that it can be called, and its ticket reaches everybody'
    )

    const firstDeltas: number[] = []
    const verdicts: number[] = []
    let laptop = await this.#join('laptop-1', this.#network.laptopHome('a'), ticket, firstDeltas, verdicts)
    for (let i = 2; i <= tries; i++) {
      await laptop.stop()
      laptop = await this.#join(`laptop-${i}`, this.#network.laptopHome('a'), ticket, firstDeltas, verdicts)
    }
    const pair = await this.#pair(laptop)
    const movedSeconds = await this.#move(laptop, first)
    return {
      tries,
      firstDeltaSecondsP50: quantile(firstDeltas, 0.5),
      firstDeltaSecondsP95: quantile(firstDeltas, 0.95),
      firstDeltaSecondsMax: Math.max(...firstDeltas),
      verdictSecondsP50: quantile(verdicts, 0.5),
      verdictSecondsMax: Math.max(...verdicts),
      ...pair,
      movedSeconds
    }
  }

  async #join(
    name: string,
    home: Home,
    ticket: string,
    firstDeltas: number[],
    verdicts: number[]
  ): Promise<PeerProcess> {
    const laptop = await this.#laptop(name, home)
    const seconds = stopwatch()
    laptop.join(ticket)
    await until(`${name} knows how it is reached`, PATIENCE_MS, async () => {
      const status = await laptop.status()
      if (status?.reachability?.state !== 'relayed') return false
      verdicts.push(Math.round(100 * status.uptimeSeconds) / 100)
      return true
    })
    await laptop.firstAccepted(PATIENCE_MS)
    firstDeltas.push(seconds())
    this.#tell.check(
      verdicts.at(-1)! < VERDICT_SECONDS && firstDeltas.at(-1)! < FIRST_DELTA_SECONDS,
      `${name}, behind a NAT: relayed after ${verdicts.at(-1)} s, its first delta accepted after ${firstDeltas.at(-1)} s`
    )
    return laptop
  }

  /** The second laptop is given nothing but a ticket of the first. */
  async #pair(one: PeerProcess): Promise<Pick<NatFigures, 'pair' | 'pairSeconds' | 'relayedBytesPerSecond'>> {
    const { ticket, reach, addresses } = await one.client.ticket()
    this.#tell.check(
      reach === 'world' && addresses[0]?.includes('/p2p-circuit') === true,
      'the ticket of a laptop behind a NAT names its relays'
    )
    const two = await this.#laptop('laptop-b', this.#network.laptopHome('b'))
    const seconds = stopwatch()
    two.join(ticket)
    await until(
      'the two laptops are connected',
      PATIENCE_MS,
      async () => (await this.#row(two, one)) !== undefined
    )
    const pairSeconds = seconds()
    await two.firstAccepted(PATIENCE_MS)
    const row = await this.#row(two, one)
    const pair = row?.relay === null ? 'punched' : 'relayed'
    await until('each answers the other', PATIENCE_MS, async () => (await this.#row(two, one))?.rttMs != null)
    this.#tell.check(
      true,
      `the laptops behind two NATs talk (${pair}) ${pairSeconds} s after the start of the second`
    )
    const before = await this.#relayedBytes()
    await pause(MEASURE_MS)
    const relayedBytesPerSecond = Math.round(((await this.#relayedBytes()) - before) / (MEASURE_MS / 1000))
    this.#tell.check(
      pair === 'punched' || relayedBytesPerSecond > 0,
      `the relays carry ${relayedBytesPerSecond} bytes a second between them`
    )
    return { pair, pairSeconds, relayedBytesPerSecond }
  }

  async #move(laptop: PeerProcess, far: PeerProcess): Promise<number> {
    const before = await this.#row(far, laptop)
    const seconds = stopwatch()
    this.#network.moveLaptop('a')
    await until('the laptop is heard from its new network', PATIENCE_MS, async () => {
      const now = await this.#row(far, laptop)
      return now !== undefined && now.address !== before?.address
    })
    const movedSeconds = seconds()
    this.#tell.check(
      movedSeconds < MOVED_SECONDS,
      `a laptop that changes its network is back after ${movedSeconds} s`
    )
    return movedSeconds
  }

  async #row(of: PeerProcess, other: PeerProcess) {
    if ((await of.status()) === undefined) return undefined
    const { peers } = await of.client.peers().catch(() => ({ peers: [] }))
    return peers.find(({ key }) => key === other.key)
  }

  async #relayedBytes(): Promise<number> {
    const texts = await Promise.all(this.#mesh.peers.map(peer => peer.client.metrics()))
    return texts.reduce((sum, text) => sum + Number(/^net_relayed_bytes (\S+)$/m.exec(text)?.[1] ?? 0), 0)
  }

  async #laptop(name: string, home: Home): Promise<PeerProcess> {
    const place = await this.#mesh.place(name, home)
    return new PeerProcess(place, toHex((await ensureKey(place.folder)).publicKey), NO_UPNP)
  }
}
