/**
 * From a ticket to a folder that can start: reach one of the ticket's peers, fetch the genesis, check it
 * against the ticket. The key aside, which the call itself needs, nothing is written before everything fits.
 */
import {
  equalBytes,
  isFault,
  type Logger,
  MeshError,
  silentMetrics,
  systemClock,
  toHex
} from '@gradmesh/core'
import type { Net, PeerKey } from '@gradmesh/net'
import { createLibp2pNet } from '@gradmesh/net/libp2p'
import {
  chainIdOf,
  decodeHello,
  decodeTicket,
  encodeGetRequest,
  encodeHello,
  type Genesis,
  isExpired,
  PROTOCOL_VERSION,
  type Ticket
} from '@gradmesh/wire'
import { ensureKey, parseGenesis, readGenesis, settleFolder } from '../disk/folder.ts'
import type { Epochs } from '../round/epochs.ts'
import { AGENT } from '../running.ts'
import { chainTag, PROTOCOLS } from '../topics.ts'
import { askSetsProof, walkEpochs } from './sets-proofs.ts'
import { writeTrust } from './trust.ts'

const TIMEOUT_MS = 8000

export interface JoinOptions {
  readonly ticket: string
  readonly folder: string
  readonly logger: Logger
  /** Opens a key that is sealed by one. */
  readonly passphrase?: string | undefined
}

/**
 * @returns the mesh's genesis and the addresses to start from.
 * @throws MeshError `TICKET_INVALID`, `TICKET_EXPIRED`, `TICKET_PROTOCOL`, `JOIN_UNREACHABLE`, `JOIN_OTHER_MESH`,
 * `JOIN_OTHER_SET`, `GENESIS_OTHER`
 */
export const joinMesh = async ({
  ticket: text,
  folder,
  logger,
  passphrase
}: JoinOptions): Promise<{ genesis: Genesis; bootstrap: readonly string[] }> => {
  const ticket = readTicket(text)
  const keys = await ensureKey(folder, { passphrase })
  const net = await createLibp2pNet({
    secretKey: keys.secretKey,
    listen: [],
    bootstrap: [],
    mdns: false,
    chainTag: chainTag(ticket.chainId),
    logger,
    metrics: silentMetrics,
    peerExchange: false
  })
  await net.start()
  try {
    const addresses = withRelays(ticket.addresses)
    const genesis = await fetchFromAny(net, folder, { ...ticket, addresses })
    await settleFolder(folder, genesis, keys, () => writeTrust(folder, ticket))
    return { genesis, bootstrap: addresses }
  } finally {
    await net.stop()
  }
}

/** A peer that relays for the one that printed the ticket is of the mesh itself, and is called first. */
export const withRelays = (addresses: readonly string[]): string[] => [
  ...new Set(
    addresses.flatMap(address => {
      const [relay = '', ...beyond] = address.split('/p2p-circuit')
      return beyond.length === 0 ? [address] : [relay, address]
    })
  )
]

export const readTicket = (text: string): Ticket => {
  const ticket = decodeTicket(text.trim())
  if (isFault(ticket)) {
    const why = ticket.detail === undefined ? ticket.fault : `${ticket.fault} (${ticket.detail})`
    if (ticket.fault === 'TICKET_PROTOCOL') {
      throw new MeshError('TICKET_PROTOCOL', `the ticket is of another release: ${why}`, {
        remedy: 'Install the release of gradmesh that the mesh runs.'
      })
    }
    throw new MeshError('TICKET_INVALID', `this is not a ticket that can be used: ${why}`, {
      remedy: 'Copy the whole string that `gradmesh ticket` printed.'
    })
  }
  if (isExpired(ticket, Math.floor(systemClock.wallMs() / 1000))) {
    throw new MeshError(
      'TICKET_EXPIRED',
      `this ticket expired on ${new Date(ticket.expiresAt * 1000).toISOString()}`,
      {
        remedy:
          'Ask for a new one: `gradmesh ticket` on a running peer. If it is new, check the clock of this machine.'
      }
    )
  }
  return ticket
}

/** Asks the ticket's addresses one after the other; the clearest refusal is told when none helps. */
const fetchFromAny = async (net: Net, folder: string, ticket: Ticket): Promise<Genesis> => {
  const failures: string[] = []
  let refusal: MeshError | undefined
  for (const address of ticket.addresses) {
    try {
      return await fetchGenesis(net, { address, peer: await net.dial(address) }, ticket)
    } catch (error) {
      failures.push(sayingWhere(address, error))
      if (error instanceof MeshError && REFUSALS.has(error.code)) refusal = error
    }
  }
  if (refusal !== undefined) throw refusal
  throw new MeshError(
    'JOIN_UNREACHABLE',
    `nobody answers at ${failures.length === 1 ? "the ticket's address" : `any of the ticket's ${failures.length} addresses`}:\n  ${failures.join('\n  ')}`,
    {
      remedy: (await isOfMesh(folder, ticket))
        ? 'This folder is of that mesh already: `gradmesh up` needs no ticket, and finds its peers by itself.'
        : 'Check that the peer that printed the ticket runs and can be reached from here (firewall, NAT, other network), or ask for a ticket of another peer.'
    }
  )
}

const sayingWhere = (address: string, error: unknown): string => {
  const said = error instanceof Error ? error.message : String(error)
  return said.includes(address) ? said : `${address}: ${said}`
}

const isOfMesh = (folder: string, { chainId }: Ticket): Promise<boolean> =>
  readGenesis(folder).then(
    ({ genesis }) => equalBytes(chainIdOf(genesis), chainId),
    () => false
  )

/** Somebody answered, and the answer settles it. */
const REFUSALS = new Set(['TICKET_PROTOCOL', 'JOIN_OTHER_MESH', 'JOIN_OTHER_SET', 'GENESIS_INVALID'])

const fetchGenesis = async (
  net: Net,
  { address, peer }: { readonly address: string; readonly peer: PeerKey },
  ticket: Ticket
): Promise<Genesis> => {
  const ask = (protocol: (typeof PROTOCOLS)['hello' | 'get'], request: Uint8Array): Promise<Uint8Array> =>
    net.request(peer, protocol.name, request, { timeoutMs: TIMEOUT_MS, maxReplyBytes: protocol.replyBytes })
  const greeting = encodeHello({
    protocol: PROTOCOL_VERSION,
    chainId: ticket.chainId,
    height: 0,
    agent: AGENT
  })
  const hello = decodeHello(await ask(PROTOCOLS.hello, greeting))
  if (isFault(hello) || hello.protocol !== PROTOCOL_VERSION) {
    const theirs = isFault(hello) ? (hello.detail ?? hello.fault) : `protocol ${hello.protocol}`
    throw new MeshError(
      'TICKET_PROTOCOL',
      `the peer answers in ${theirs}, this release speaks protocol ${PROTOCOL_VERSION}`,
      {
        remedy: 'Install the release of gradmesh that the mesh runs.'
      }
    )
  }
  const bytes = await ask(PROTOCOLS.get, encodeGetRequest({ what: 'genesis' }))
  const genesis = parseGenesis(bytes, 'what the peer sent')
  if (!equalBytes(chainIdOf(genesis), ticket.chainId)) {
    throw new MeshError(
      'JOIN_OTHER_MESH',
      `the peer at ${address} belongs to the mesh ${toHex(chainIdOf(genesis)).slice(0, 16)}, the ticket to ${toHex(ticket.chainId).slice(0, 16)}`,
      {
        remedy: 'Ask for a new ticket: the address is used by another mesh now.'
      }
    )
  }
  await checkSet(net, peer, genesis, ticket)
  return genesis
}

/**
 * The set that the ticket vouches for must sit in some epoch of this chain: who holds keys that voted long ago
 * can sign another history with them, but not bring today's validators into it.
 */
const checkSet = async (net: Net, peer: PeerKey, genesis: Genesis, ticket: Ticket): Promise<void> => {
  async function* ask(epoch: number): AsyncGenerator<Uint8Array> {
    const proof = await askSetsProof(net, peer, epoch)
    if (proof !== undefined) yield proof
  }
  const { chainId, validatorSetHash } = ticket
  const isThere = (epochs: Epochs): boolean => epochs.seats(validatorSetHash)
  let told: string | undefined
  const found = await walkEpochs(
    { genesis, chainId },
    isThere,
    ask,
    async () => {},
    ({ fault }) => {
      told = fault
    }
  )
  if (found !== undefined) return
  const why = told === undefined ? '' : `: a proof that it sent does not hold (${told})`
  throw new MeshError('JOIN_OTHER_SET', `no epoch of this chain has the validators of the ticket${why}`, {
    remedy:
      'The peer leads into another history, or is itself behind: ask another operator for a ticket. Do not join through this one if it repeats.'
  })
}
