/**
 * Pulls one object of known size and SHA-256 from several peers, piece by piece: for payloads that are
 * too large for gossip and were announced by digest. The bytes are held once; a peer that fails, lies or
 * dawdles costs a retry elsewhere. Only the whole has a digest, so when it does not fit, the object is
 * fetched again from one peer at a time: that finds the liar and names it.
 */
import { equalBytes, MeshError, sha256, toHex } from '@gradmesh/core'
import type { Net, PeerKey } from './types.ts'

export const PIECE_BYTES = 256 * 1024

export interface FetchPieces {
  readonly net: Pick<Net, 'request'>
  /** Who may have it; asked in this order as far as there is no reason for another. */
  readonly peers: readonly PeerKey[]
  readonly protocol: string
  /** The request that asks a peer for bytes [offset, offset + length) of the object. */
  readonly ask: (offset: number, length: number) => Uint8Array
  /** The piece in the reply, or undefined for a refusal; default: the reply is the piece. */
  readonly pieceIn?: (reply: Uint8Array) => Uint8Array | undefined
  /** Bytes that `pieceIn` takes away from a reply; default 0. */
  readonly replyOverheadBytes?: number
  /** Bytes. From what was announced and bounded by the caller, never from the peer that is asked. */
  readonly size: number
  /** Larger objects are refused before anything is allocated. */
  readonly maxBytes: number
  readonly digest: Uint8Array
  /** Pieces under way at once; default 4. */
  readonly parallel?: number
  /** For each piece; default 5,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Told of each peer that sent wrong bytes, which no honest peer does. */
  readonly onLie?: (peer: PeerKey) => void
}

/**
 * The object, its digest checked.
 * @throws `NET_PIECES_TOO_LONG` when `size` exceeds `maxBytes`; `NET_PIECES_UNAVAILABLE` when no peer gave
 * it; `NET_ABORTED` when the caller gave up.
 */
export const fetchPieces = async (options: FetchPieces): Promise<Uint8Array> => {
  const { size, maxBytes, digest, peers } = options
  if (!Number.isSafeInteger(size) || size < 0 || size > maxBytes) {
    throw new MeshError('NET_PIECES_TOO_LONG', `an object of ${size} bytes is more than ${maxBytes}`, {
      remedy: 'ignore the announcement',
      data: { size, maxBytes }
    })
  }
  const bytes = new Uint8Array(size)
  const asked = [...new Set(peers)]
  const sources = await fetchFrom(options, asked, bytes)
  if (sources !== undefined) {
    if (equalBytes(sha256(bytes), digest)) return bytes
    // A mixture that does not fit holds a lie, but not whose. A single source tells.
    const [only] = sources.size === 1 ? sources : []
    if (only !== undefined) options.onLie?.(only)
    for (const peer of asked.filter(each => each !== only)) {
      if ((await fetchFrom(options, [peer], bytes)) === undefined) continue
      if (equalBytes(sha256(bytes), digest)) return bytes
      options.onLie?.(peer)
    }
  }
  throw new MeshError(
    'NET_PIECES_UNAVAILABLE',
    `none of ${asked.length} peers gave ${toHex(digest).slice(0, 16)}…`,
    {
      remedy: 'ask other peers, or later',
      data: { digest: toHex(digest), size, peers: asked.length }
    }
  )
}

/** Fills `bytes` and answers who gave the pieces; undefined when one could be had from nobody. */
const fetchFrom = async (
  options: FetchPieces,
  peers: readonly PeerKey[],
  bytes: Uint8Array
): Promise<ReadonlySet<PeerKey> | undefined> => {
  const sources = new Set<PeerKey>()
  const useful = [...peers]
  const count = Math.ceil(bytes.length / PIECE_BYTES)
  let next = 0
  let failed = false
  const worker = async (): Promise<void> => {
    while (next < count && !failed) {
      const index = next++
      const offset = index * PIECE_BYTES
      const length = Math.min(PIECE_BYTES, bytes.length - offset)
      const got = await fetchPiece(options, useful, index, offset, length)
      if (got === undefined) failed = true
      else {
        bytes.set(got.piece, offset)
        sources.add(got.peer)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(options.parallel ?? 4, count) }, worker))
  return failed ? undefined : sources
}

/** One piece from one of `useful`, spread over them by its index. A peer that fails is struck from the list. */
const fetchPiece = async (
  options: FetchPieces,
  useful: PeerKey[],
  index: number,
  offset: number,
  length: number
): Promise<{ piece: Uint8Array; peer: PeerKey } | undefined> => {
  while (useful.length > 0) {
    if (options.signal?.aborted === true)
      throw new MeshError('NET_ABORTED', 'the fetch was given up by its caller')
    const peer = useful[index % useful.length]!
    const piece = await askPiece(options, peer, offset, length)
    if (piece !== undefined) return { piece, peer }
    const at = useful.indexOf(peer)
    if (at >= 0) useful.splice(at, 1)
  }
  return undefined
}

const askPiece = async (
  { net, protocol, ask, pieceIn, replyOverheadBytes, timeoutMs, signal }: FetchPieces,
  peer: PeerKey,
  offset: number,
  length: number
): Promise<Uint8Array | undefined> => {
  try {
    const reply = await net.request(peer, protocol, ask(offset, length), {
      timeoutMs: timeoutMs ?? 5000,
      maxReplyBytes: length + (replyOverheadBytes ?? 0),
      ...(signal === undefined ? {} : { signal })
    })
    const piece = pieceIn === undefined ? reply : pieceIn(reply)
    return piece?.length === length ? piece : undefined
  } catch (error) {
    if (error instanceof MeshError && error.code === 'NET_ABORTED') throw error
    return undefined
  }
}
