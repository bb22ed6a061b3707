/**
 * Walks every value of a chain and says what is damaged, missing or out of order, with its height.
 * It needs no genesis rules and computes no state: whether the blocks are *right* is for a replay.
 */
import { equalBytes, type Fault, isFault, sha256, toHex } from '@gradmesh/core'
import {
  blockIdOf,
  decodeBlock,
  decodeCertificate,
  decodeSignedDelta,
  decodeSignedDeltaHeader,
  deltaDigest,
  VoteKind
} from '@gradmesh/wire'
import type { Database } from '../database.ts'
import { failureOf } from '../failures.ts'
import { numberAt } from '../keys.ts'
import type { FinalHead } from '../safety/safety-store.ts'
import { unseal } from '../sealed.ts'
import { damageOf } from './checkpoints.ts'
import { readError } from './error-buffer.ts'
import {
  type Checkpoint,
  type DeltaPlace,
  decodeCheckpoint,
  decodeHead,
  decodePlace,
  type Head
} from './values.ts'

export interface AuditFinding {
  /** Values that belong to no height (the error buffer, live certificates) are reported at the head's. */
  readonly height: number
  readonly what: string
}

export interface Audit {
  readonly head: Head
  readonly base: Head
  /** Values that were read. */
  readonly values: number
  readonly findings: readonly AuditFinding[]
  /** What is wrong with the file of the error buffer, which nothing else rests on. */
  readonly errorDamage: string | null
}

/** The name of what is kept under each letter, and the length of its keys; 0: any. */
const KINDS: Readonly<Record<string, readonly [name: string, keyBytes: number]>> = {
  V: ['format', 1],
  G: ['genesis', 1],
  H: ['head', 1],
  B: ['base', 1],
  E: ['head of the error buffer', 1],
  b: ['block', 33],
  h: ['height index', 5],
  f: ['final certificate', 5],
  l: ['mark of a live block', 37],
  c: ['live certificate', 6],
  d: ['delta', 33],
  i: ['place of a delta', 33],
  q: ['header of a delta', 37],
  r: ['receipt', 33],
  k: ['checkpoint', 5],
  m: ['value of the daemon', 0]
}

const NONE: Head = { height: 0, id: new Uint8Array(32) }
const EVERYTHING = { from: new Uint8Array(0), to: new Uint8Array(64).fill(0xff) }

/** `seen`: what `safety/` remembers of the newest final block; a chain below it was rolled back. */
export const auditChain = async (database: Database, seen?: FinalHead): Promise<Audit> => {
  const walk = new Walk()
  let errorDamage: string | null = null
  try {
    for await (const [key, stored] of database.entries(EVERYTHING)) walk.take(key, stored)
    for (const checkpoint of walk.checkpoints)
      for await (const what of damageOf(database, checkpoint))
        walk.find(checkpoint.height, `checkpoint: ${what}`)
    const error = walk.holdsErrorHead ? await readError(database) : undefined
    if (error !== undefined && 'damage' in error) errorDamage = error.damage
  } catch (error) {
    walk.fail(failureOf(error, 'chain').message)
  }
  return { ...walk.finish(seen), errorDamage }
}

interface BlockNote {
  readonly height: number
  readonly parent: string
  readonly deltas: readonly string[]
}

class Walk {
  #values = 0
  #head: Head | undefined
  #base: Head | undefined
  #format = false
  #genesis = false
  readonly #index = new Map<number, string>()
  readonly #blocks = new Map<string, BlockNote>()
  #liveFinals = 0
  readonly #finals = new Map<number, string>()
  readonly #live = new Map<string, number>()
  readonly #places = new Map<string, DeltaPlace>()
  /** Round and signature of each delta, and of each header, by digest. */
  readonly #deltas = new Map<string, string>()
  readonly #headers = new Map<string, string>()
  readonly checkpoints: Checkpoint[] = []
  holdsErrorHead = false
  /** Damage whose height is found once everything was read. */
  readonly #bad: { readonly key: Uint8Array; readonly what: string }[] = []
  readonly #failures: string[] = []
  readonly #findings: AuditFinding[] = []

  fail(what: string): void {
    this.#failures.push(what)
  }

  take(key: Uint8Array, stored: Uint8Array): void {
    this.#values++
    const kind = KINDS[String.fromCharCode(key[0]!)]
    if (kind === undefined || (kind[1] !== 0 && kind[1] !== key.length)) {
      this.#bad.push({ key, what: `unknown key ${toHex(key.subarray(0, 8))}` })
      return
    }
    const value = unseal(key, stored)
    const problem = value === undefined ? 'its bytes are not those that were written' : this.#note(key, value)
    if (problem !== null) this.#bad.push({ key, what: `${kind[0]}: ${problem}` })
  }

  /** Remembers what the value says; what is wrong with it, or null. */
  #note(key: Uint8Array, value: Uint8Array): string | null {
    const letter = String.fromCharCode(key[0]!)
    const hex = toHex(key.subarray(1))
    switch (letter) {
      case 'V':
        this.#format = true
        return null
      case 'G':
        this.#genesis = true
        return null
      case 'H':
        this.#head = decodeHead(value)
        return null
      case 'B':
        this.#base = decodeHead(value)
        return null
      case 'h':
        this.#index.set(numberAt(key, 1), toHex(value))
        return null
      case 'b': {
        const block = decodeBlock(value)
        if (isFault(block)) return undecodable(block)
        if (toHex(blockIdOf(block.header)) !== hex) return 'it is another block'
        const { height, parentId } = block.header
        const deltas = block.body.deltas.map(({ digest }) => toHex(digest))
        this.#blocks.set(hex, { height, parent: toHex(parentId), deltas })
        return null
      }
      case 'f': {
        const certificate = decodeCertificate(value)
        if (isFault(certificate)) return undecodable(certificate)
        if (certificate.kind !== VoteKind.FINAL) return 'it is no FINAL'
        this.#finals.set(numberAt(key, 1), toHex(certificate.blockId))
        return null
      }
      case 'l':
        this.#live.set(hex.slice(8), numberAt(value, 0))
        return null
      case 'c': {
        const certificate = decodeCertificate(value)
        if (isFault(certificate)) return undecodable(certificate)
        if (certificate.kind === VoteKind.FINAL) this.#liveFinals++
        return null
      }
      case 'd': {
        const delta = decodeSignedDelta(value)
        if (isFault(delta)) return undecodable(delta)
        if (toHex(deltaDigest(delta.header)) !== hex) return 'it is another delta'
        if (!equalBytes(sha256(delta.payload), delta.header.payloadHash))
          return 'its payload is not the one that was signed'
        this.#deltas.set(hex, `${delta.header.round}/${toHex(delta.signature)}`)
        return null
      }
      case 'i':
        this.#places.set(hex, decodePlace(value))
        return null
      case 'q': {
        const signed = decodeSignedDeltaHeader(value)
        if (isFault(signed)) return undecodable(signed)
        if (toHex(deltaDigest(signed.header)) !== hex.slice(8)) return 'it is of another delta'
        this.#headers.set(hex.slice(8), `${numberAt(key, 1)}/${toHex(signed.signature)}`)
        return null
      }
      case 'k':
        this.checkpoints.push(decodeCheckpoint(numberAt(key, 1), value))
        return null
      case 'E':
        this.holdsErrorHead = true
        return null
      default:
        return null
    }
  }

  finish(seen: FinalHead | undefined): Omit<Audit, 'errorDamage'> {
    const head = this.#head ?? { ...NONE, height: Math.max(0, ...this.#index.keys()) }
    const base = this.#base ?? NONE
    const deltaHeights = this.#checkHeights(head, base)
    for (const { key, what } of this.#bad) this.find(this.#heightOf(key, head, deltaHeights), what)
    for (const what of this.#failures) this.find(head.height, what)
    if (!this.#format) this.find(0, 'format: missing or damaged')
    if (!this.#genesis) this.find(0, 'genesis: missing or damaged')
    if (this.#head === undefined) this.find(head.height, 'head: missing or damaged')
    if (this.#base === undefined) this.find(head.height, 'base: missing or damaged')
    if (!this.holdsErrorHead) this.find(head.height, 'head of the error buffer: missing or damaged')
    this.#checkDeltas(head, deltaHeights)
    this.#checkRest(head)
    if (seen !== undefined) this.#checkSeen(head, base, seen)
    const findings = this.#findings.toSorted((a, b) => a.height - b.height)
    return { head, base, values: this.#values, findings }
  }

  /** Every height from base to head has its block, which follows the one below. Heights by named delta. */
  #checkHeights(head: Head, base: Head): Map<string, number> {
    const named = new Map<string, number>()
    const first = base.height === 0 ? 1 : base.height
    let parent = base.height === 0 ? toHex(base.id) : undefined
    for (let height = first; height <= head.height; height++) {
      const id = this.#index.get(height)
      const block = id === undefined ? undefined : this.#blocks.get(id)
      if (id === undefined) this.find(height, 'height index: it is missing')
      else if (block === undefined) this.find(height, 'block: it is missing or damaged')
      else {
        if (block.height !== height) this.find(height, `block: it says height ${block.height}`)
        if (parent !== undefined && block.parent !== parent)
          this.find(height, 'block: it does not follow the one below')
        // An adopted checkpoint stands for what its own block named.
        if (height > base.height) for (const digest of block.deltas) named.set(digest, height)
      }
      parent = id
    }
    if (base.height > head.height) this.find(head.height, `base: at height ${base.height}, past the head`)
    else if (base.height > 0 && this.#index.get(base.height) !== toHex(base.id))
      this.find(base.height, 'base: it is not the block of its height')
    // Below the base stands what pruning has not come to yet.
    for (const height of this.#index.keys()) {
      if (height > head.height || (height < first && base.height === 0))
        this.find(height, `height index: outside of ${first} to ${head.height}`)
    }
    const headId = this.#index.get(head.height)
    if (this.#head !== undefined && headId !== undefined && headId !== toHex(head.id)) {
      this.find(head.height, 'head: it is not the block of its height')
    }
    for (const [height, id] of this.#finals) {
      if (this.#index.get(height) !== id) this.find(height, 'final certificate: it is for another block')
    }
    // An epoch's boundary may be final by the certificate of a live descendant.
    if (head.height > base.height && !this.#finals.has(head.height) && this.#liveFinals === 0) {
      this.find(head.height, 'final certificate: the one of the head is missing or damaged')
    }
    return named
  }

  #checkDeltas(head: Head, named: ReadonlyMap<string, number>): void {
    for (const [digest, height] of named) {
      if (!this.#deltas.has(digest)) this.find(height, `delta ${digest}: missing or damaged`)
      const place = this.#places.get(digest)
      if (place === undefined) this.find(height, `place of the delta ${digest}: missing or damaged`)
      else if (place.height !== height)
        this.find(height, `place of the delta ${digest}: it says height ${place.height}`)
      if (!this.#headers.has(digest)) this.find(height, `header of the delta ${digest}: missing or damaged`)
    }
    for (const [digest] of this.#places) {
      if (named.has(digest) || (this.#deltas.has(digest) && this.#headers.has(digest))) continue
      this.find(head.height, `delta ${digest}: missing or damaged`)
    }
    for (const [digest, signed] of this.#deltas) {
      const height = named.get(digest) ?? head.height
      const header = this.#headers.get(digest)
      if (header !== undefined && header !== signed)
        this.find(height, `header of the delta ${digest}: it is not the delta's`)
      const round = this.#places.get(digest)?.round
      if (round !== undefined && !signed.startsWith(`${round}/`))
        this.find(height, `place of the delta ${digest}: it says round ${round}`)
      if (!this.#places.has(digest) && !named.has(digest))
        this.find(head.height, `place of the delta ${digest}: missing or damaged`)
    }
  }

  #checkRest(head: Head): void {
    for (const [id, height] of this.#live) {
      const block = this.#blocks.get(id)
      if (block === undefined) this.find(height, `live block ${id}: missing or damaged`)
      else if (block.height !== height)
        this.find(block.height, `mark of the live block ${id}: it says height ${height}`)
    }
    for (const { height } of this.checkpoints) {
      if (height > head.height) this.find(height, `checkpoint: it is above the head at ${head.height}`)
    }
  }

  #checkSeen(head: Head, base: Head, seen: FinalHead): void {
    if (head.height < seen.height) {
      this.find(
        seen.height,
        `the chain ends at ${head.height}: final blocks that this peer has seen are gone`
      )
      return
    }
    const id = this.#index.get(seen.height)
    if (seen.height >= base.height && id !== undefined && id !== toHex(seen.id)) {
      this.find(seen.height, 'another block is final than the one that this peer has seen')
    }
  }

  #heightOf(key: Uint8Array, head: Head, named: ReadonlyMap<string, number>): number {
    const letter = String.fromCharCode(key[0]!)
    const kind = KINDS[letter]
    if (kind === undefined || (kind[1] !== 0 && kind[1] !== key.length)) return head.height
    const hex = toHex(key.subarray(1))
    switch (letter) {
      case 'G':
        return 0
      case 'h':
      case 'f':
      case 'k':
        return numberAt(key, 1)
      case 'b': {
        const final = [...this.#index].find(([, id]) => id === hex)?.[0]
        return final ?? this.#live.get(hex) ?? head.height
      }
      case 'd':
      case 'i':
      case 'r':
        return named.get(hex) ?? this.#places.get(hex)?.height ?? head.height
      case 'q':
        return named.get(hex.slice(8)) ?? this.#places.get(hex.slice(8))?.height ?? head.height
      default:
        return head.height
    }
  }

  find(height: number, what: string): void {
    this.#findings.push({ height, what })
  }
}

const undecodable = ({ fault }: Fault): string => `it does not decode (${fault})`
