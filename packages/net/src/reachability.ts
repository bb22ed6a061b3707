/**
 * Whether others can call this peer: judged from what was observed, in words that an operator can act on.
 * Pure; who observes is `libp2p/reaching.ts`.
 */
import { widest } from './reach.ts'
import type { PeerKey, Reach, Reachability } from './types.ts'

/** One peer tried to call this one back. */
export interface Probe {
  readonly by: PeerKey
  /** From how far away it tried: the reach of the address at which it sees this peer. */
  readonly reach: Reach
  readonly isReached: boolean
}

export interface ReachFacts {
  /** Peers that are connected now. */
  readonly connected: number
  /** Addresses were given to call, or peers have been met: being alone is then a fault. */
  readonly expectsPeers: boolean
  readonly probes: readonly Probe[]
  /** Peers that relay for this one. */
  readonly relays: readonly PeerKey[]
  /** The operator named an address that others should dial. */
  readonly isAnnounced: boolean
  /** TCP port that others would call; null when this peer does not listen. */
  readonly port: string | null
}

const FROM: Readonly<Record<Reach, string>> = {
  host: 'Peers on this machine can call this one.',
  site: 'Peers on the same local network can call this one; nobody outside it has tried.',
  world: 'Peers anywhere can call this one.'
}

/**
 * Only those count who tried from farthest away: that a neighbour on the local network gets through says
 * nothing about the internet.
 */
export const judgeReachability = (facts: ReachFacts): Reachability => {
  const { connected, expectsPeers, probes, relays, isAnnounced, port } = facts
  const scope = widest(probes.map(({ reach }) => reach))
  const isReached = probes.some(({ reach, isReached }) => reach === scope && isReached)
  if (connected === 0 && expectsPeers)
    return {
      state: 'cut-off',
      scope: null,
      relays: [],
      detail: 'No other peer is connected: none of the known addresses answers.',
      remedy:
        'Check this machine’s network. `gradmesh doctor TICKET` tells which addresses answer; a peer of the mesh gives a new ticket with `gradmesh ticket`.'
    }
  if (scope !== null && isReached)
    return { state: 'reachable', scope, relays: [], detail: FROM[scope], remedy: null }
  if (scope === null && isAnnounced)
    return {
      state: 'reachable',
      scope: 'world',
      relays: [],
      detail: 'Others are told to call the announced address; nobody has tried it yet.',
      remedy: null
    }
  if (scope === null && relays.length === 0)
    return {
      state: 'unknown',
      scope: null,
      relays: [],
      detail:
        connected === 0
          ? 'No other peer has been met yet, so nobody can tell whether this one can be called.'
          : 'No other peer has tried yet whether this one can be called.',
      remedy: null
    }
  if (relays.length > 0)
    return {
      state: 'relayed',
      scope: null,
      relays,
      detail: `${why(port, isAnnounced)}; ${relays.length === 1 ? 'another peer relays' : `${relays.length} other peers relay`} for it.`,
      remedy: `All works, only slower between two peers that are both relayed. ${open(port, isAnnounced)}`
    }
  return {
    state: 'cut-off',
    scope: null,
    relays: [],
    detail: `${why(port, isAnnounced)}, and no peer relays for it. It can call those that are reachable, and no others.`,
    remedy: `${open(port, isAnnounced)} Or let a reachable peer of the mesh run with --relay on.`
  }
}

const why = (port: string | null, isAnnounced: boolean): string => {
  if (port === null) return 'Others can’t call this peer: it does not listen'
  return isAnnounced
    ? 'Others can’t call this peer, although an address is announced'
    : 'Others can’t call this peer: a NAT or a firewall stands before it'
}

const open = (port: string | null, isAnnounced: boolean): string => {
  if (port === null) return 'To be called directly, let it listen.'
  return isAnnounced
    ? `To be called directly, check that what --announce names leads to TCP port ${port} of this machine.`
    : `To be called directly, forward TCP port ${port} of the router to this machine, or switch on UPnP there.`
}

/** Nothing that an operator must hear of has changed; the number of relays may have. */
export const isSameReachability = (a: Reachability, b: Reachability): boolean =>
  a.state === b.state && a.scope === b.scope && (a.state !== 'cut-off' || a.detail === b.detail)
